"""Weights that are changed while the file is loaded."""
