"""Measured comparisons; each script prints the table that stands beside it."""
