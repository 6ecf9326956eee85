"""joblib's loader, which also opens plain pickles, compressed or not."""

from __future__ import annotations

import joblib

from bench.conversion.peers import arrays


def convert(model: str, out: str) -> None:
    """Whatever joblib.load gives."""
    arrays.save(joblib.load(model), out)
