"""Runs: the model with a clock, checks and a folder."""
