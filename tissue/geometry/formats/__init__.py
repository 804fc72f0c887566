"""One module for each family of image formats; each returns an `Image` for the gate."""
