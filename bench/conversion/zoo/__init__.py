"""Every layout, by family: those that the tests' own zoo has, and the families of this folder."""

from __future__ import annotations

from bench.conversion.layout import Layout
from bench.conversion.zoo import (
    archives,
    checkpoints,
    compressed,
    estimators,
    folders,
    joblib_files,
    names,
    numpy_files,
    parts,
    pickle_files,
    spine,
    torch_legacy,
    torch_script,
    torch_tar,
    torch_zip,
)

_FAMILIES = (
    spine.FAMILY,
    torch_zip.FAMILY,
    parts.FAMILY,
    names.FAMILY,
    checkpoints.FAMILY,
    torch_legacy.FAMILY,
    torch_tar.FAMILY,
    torch_script.FAMILY,
    pickle_files.FAMILY,
    compressed.FAMILY,
    joblib_files.FAMILY,
    estimators.FAMILY,
    numpy_files.FAMILY,
    archives.FAMILY,
    folders.FAMILY,
)


def _by_name() -> dict[str, Layout]:
    found: dict[str, Layout] = {}
    for layout in (layout for family in _FAMILIES for layout in family.layouts):
        if found.setdefault(layout.name, layout) is not layout:
            raise ValueError(f"two layouts are called {layout.name}")
    return found


ZOO = _by_name()
