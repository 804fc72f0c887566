"""Bone that a run starts with: its grid, from images and their segmentation, or synthetic."""
