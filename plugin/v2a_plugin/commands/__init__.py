"""The subcommands of `v2a` that live in this room."""
