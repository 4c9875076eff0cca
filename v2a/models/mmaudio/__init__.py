"""MMAudio's family (Cheng et al., CVPR 2025), written from its facts: it loads the published checkpoints.

Importing this package loads none of it; each part is a module of its own.
"""
