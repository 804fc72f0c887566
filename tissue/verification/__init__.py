"""The model against what has been measured on animals, patients and numerical examples."""
