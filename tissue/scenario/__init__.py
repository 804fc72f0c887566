"""Run file: read, checked and written out."""
