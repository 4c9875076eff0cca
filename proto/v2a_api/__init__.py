"""The contract between clients and the model server: `v2a.v1` and its generated stubs."""

# Raised when an old client and a new server would misunderstand each other.
CONTRACT_VERSION = 1
