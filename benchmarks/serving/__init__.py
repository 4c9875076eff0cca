"""What the server promises, measured. `python -m benchmarks.serving NAME`; see benchmarks/serving.md."""
