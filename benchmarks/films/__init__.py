"""Test films of another renderer than the training's, never trained on; see README.md."""
