"""Mechanics of bone: voxel finite elements under compression, and the load at which it breaks."""
