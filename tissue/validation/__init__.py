"""Comparison of the model with what was measured on cells, animals and patients."""
