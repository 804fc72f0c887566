"""Runs as other programs show them: a state for ParaView, and layers for napari."""
