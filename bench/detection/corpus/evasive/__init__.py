"""Attacks that look around first, wait, or act when the model is used."""
