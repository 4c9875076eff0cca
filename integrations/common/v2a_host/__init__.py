"""The host's side of the bridge: standard library only, Python 3.8 or newer, whatever the host brings."""
