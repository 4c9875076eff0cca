"""`python -m v2a_plugin`: the command line, for where the `v2a` script is not on the path."""

from v2a_plugin.cli import main

main()
