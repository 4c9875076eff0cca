"""What the family `mmaudio` computes, and how fast: run `python -m benchmarks.mmaudio --help`."""
