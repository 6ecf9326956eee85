"""Attacks that are publicly known, by their class."""
