"""The bridge between a host and the server: JSON-RPC 2.0 over stdin and stdout (`docs/bridge.md`)."""
