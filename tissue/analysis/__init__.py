"""Morphometry, figures and reports from the files of a run."""
