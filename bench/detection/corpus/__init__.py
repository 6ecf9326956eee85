"""Every sample, by name: each module of this package's folders has its own in SAMPLES."""

from __future__ import annotations

import importlib
import pkgutil

from bench.detection.sample import Sample


def _by_name() -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        for sample in getattr(importlib.import_module(module.name), "SAMPLES", ()):
            if found.setdefault(sample.name, sample) is not sample:
                raise ValueError(f"two samples are called {sample.name}")
    return found


CORPUS = _by_name()
