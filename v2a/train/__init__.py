"""Training: recordings and rendered scenes in, weights out. Run as `v2a train`."""
