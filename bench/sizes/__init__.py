"""Very large checkpoints, as sparse files: `python -m bench.sizes`."""
