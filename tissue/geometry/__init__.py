"""Where the bone comes from: the grid, images, their segmentation, synthetic bone."""
