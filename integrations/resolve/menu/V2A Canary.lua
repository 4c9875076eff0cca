-- V2A Studio: tells why the other V2A scripts are not in this menu, if they are not.
-- Lua is part of Resolve; Python is not. So this script is listed wherever the folder is the right one.
local product, version = "DaVinci Resolve", {}
if resolve then
  product = resolve:GetProductName() or product
  version = resolve:GetVersion() or version
end
local major, minor = tonumber(version[1]) or 0, tonumber(version[2]) or 0
local studio = string.find(string.lower(product), "studio") ~= nil

print("V2A Canary: " .. product .. " " .. major .. "." .. minor .. " reads this folder, so it is the right one.")
if not studio and (major > 21 or (major == 21 and minor >= 1)) then
  print("V2A Canary: since 21.1 Python scripts are for Studio alone, so the free edition lists no V2A Generate. "
    .. "Use Studio, or 21.0 or older; or export the timeline as OTIO and run `v2a conform` on it.")
else
  print("V2A Canary: if V2A Generate is not listed beside this, Resolve found no Python. Install Python 3.8 or newer, "
    .. "64 bit, from python.org for all users, and start Resolve again. On macOS, `v2a install resolve` sets PYTHON3HOME, "
    .. "since Resolve does not find the Pythons of Homebrew, pyenv or uv.")
end
