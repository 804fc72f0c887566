"""The commands of `tissue`, by what they are about."""
