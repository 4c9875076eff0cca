"""V2A Studio inside DaVinci Resolve: standard library only, Python 3.8 or newer, whichever Resolve finds."""

VERSION = "1.0.0"
