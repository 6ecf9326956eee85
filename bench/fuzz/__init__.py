"""Fuzzes the host's side of the wire and what reads files that others made: `python -m bench.fuzz`."""
