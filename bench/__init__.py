"""Measurements beside their peers, in one run: `python -m bench` prints the table, `--write` puts it in the docs."""
