"""Pure, jitted array functions on voxel grids: no biology, no files, any grid shape."""
