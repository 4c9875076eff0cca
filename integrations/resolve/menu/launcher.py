"""An entry of Resolve's menu. `v2a install resolve` writes a copy for each row of `entries.csv`."""

import sys

# Both written by `v2a install resolve`.
SUPPORT = ""
ENTRY = ""

if sys.version_info < (3, 8):
    print(
        "V2A needs Python 3.8 or newer, and Resolve found {}: install one from python.org".format(
            sys.version.split()[0]
        )
    )
else:
    sys.dont_write_bytecode = True
    sys.path.insert(0, SUPPORT)
    try:
        from v2a_resolve import scripts
    except ImportError as error:
        print("V2A is not in {!r} any more ({}): run `v2a install resolve` again".format(SUPPORT, error))
    else:
        getattr(scripts, ENTRY)(globals())
