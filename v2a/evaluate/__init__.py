"""Measures of generated sound that need no downloaded network."""
