"""numpy's own loader, which unpickles what is no file of its own."""

from __future__ import annotations

import numpy as np

from bench.conversion.peers import arrays


def convert(model: str, out: str) -> None:
    """An archive's members by name."""
    loaded = np.load(model, allow_pickle=True)
    arrays.save(dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else loaded, out)
