"""numpy's own files, with objects and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from bench.conversion.layout import Family, named
from tests.zoo import Expected

FAMILY = Family("npy and npz", "model.npy")


def _grid() -> np.ndarray[Any, Any]:
    return np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def _saved(name: str, array: np.ndarray[Any, Any]) -> None:
    def build(path: Path) -> Expected:
        np.save(path, array)
        return named({"tensor": array})

    FAMILY.layout(name)(build)


_saved("npy", _grid())
_saved("npy_fortran", np.asfortranarray(_grid()))
_saved("npy_big_endian", _grid().astype(">f4"))
_saved("npy_scalar", np.array(7, dtype=np.int64))
_saved("npy_empty", np.zeros((0, 3), dtype=np.float64))


@FAMILY.layout("npy_several")
def several(path: Path) -> Expected:
    """numpy.save called twice on one file, the second time with objects."""
    with path.open("wb") as file:
        np.save(file, _grid())
        np.save(file, np.array([_grid()[0], "name"], dtype=object), allow_pickle=True)
    return named({"0": _grid(), "1.0": _grid()[0]})


@FAMILY.layout("npy_version_2")
def version_2(path: Path) -> Expected:
    with path.open("wb") as file:
        npy_format.write_array(file, _grid(), version=(2, 0))
    return named({"tensor": _grid()})


@FAMILY.layout("npy_dictionary")
def objects(path: Path) -> Expected:
    """A dictionary of arrays, which np.save pickles inside of an array without dimensions."""
    weights = {"conv1": {"weights": _grid(), "biases": np.zeros(4, np.float32)}}
    np.save(path, np.array(weights, dtype=object), allow_pickle=True)
    return named({"conv1.weights": _grid(), "conv1.biases": np.zeros(4, np.float32)})


@FAMILY.layout("npy_structured")
def structured(path: Path) -> Expected:
    rows = np.array([(1, 2.5), (3, 4.5)], dtype=[("left", "<i8"), ("value", "<f4")])
    np.save(path, rows)
    return named({name: rows[name].copy() for name in ("left", "value")})


def _arrays() -> dict[str, np.ndarray[Any, Any]]:
    return {"w": _grid(), "block/b": np.asfortranarray(_grid()[0]), "n": np.array(3, dtype=np.uint16)}


@FAMILY.layout("npz", "model.npz")
def npz(path: Path) -> Expected:
    np.savez(path, **_arrays())
    return named(_arrays())


@FAMILY.layout("npz_compressed", "model.npz")
def npz_compressed(path: Path) -> Expected:
    np.savez_compressed(path, **_arrays())
    return named(_arrays())


@FAMILY.layout("npz_objects", "model.npz")
def npz_objects(path: Path) -> Expected:
    layers = np.empty(2, dtype=object)
    layers[:] = [_grid(), "relu"]
    np.savez(path, layers=layers, w=_grid())
    return named({"layers.0": _grid(), "w": _grid()})
