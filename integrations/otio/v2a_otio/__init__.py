"""Conform: a timeline in, the same timeline with generated sound on new tracks out."""
