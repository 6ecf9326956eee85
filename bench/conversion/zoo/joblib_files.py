"""joblib's files: arrays stand between the opcodes of a pickle, aligned or not, compressed or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np

from bench.conversion.layout import Family, named
from tests.zoo import Expected, arrays, ramp

FAMILY = Family("joblib", "model.joblib")


def _dumped(name: str, file: str = "", **options: Any) -> None:
    def build(path: Path) -> Expected:
        model, tensors = arrays()
        joblib.dump(model, path, **options)
        return named(tensors)

    FAMILY.layout(name, file)(build)


_dumped("joblib_uncompressed")
_dumped("joblib_protocol_2", protocol=2)
for _method in ("zlib", "gzip", "bz2", "lzma", "xz"):
    _dumped(f"joblib_{_method}", f"model.joblib.{_method}", compress=(_method, 3))


@FAMILY.layout("joblib_array_alone")
def alone(path: Path) -> Expected:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    joblib.dump(array, path)
    return named({"tensor": array})


@FAMILY.layout("joblib_objects")
def objects(path: Path) -> Expected:
    """An array of objects: joblib pickles it in the middle of its own pickle."""
    inner = np.arange(5, dtype=np.int32)
    mixed = np.empty(2, dtype=object)
    mixed[:] = ["text", inner]
    joblib.dump({"before": inner * 2, "mixed": mixed, "after": inner * 3}, path)
    return named({"before": inner * 2, "mixed.1": inner, "after": inner * 3})


@FAMILY.layout("joblib_tensors")
def tensors(path: Path) -> Expected:
    """torch's tensors, each a torch file inside of the pickle."""
    joblib.dump({"w": ramp(3, 2), "a": np.ones(2)}, path)
    return named({"w": ramp(3, 2), "a": np.ones(2)})


@FAMILY.layout("joblib_shared_array")
def shared(path: Path) -> Expected:
    """The same array twice: joblib writes it once."""
    array = np.arange(4.0)
    joblib.dump({"a": array, "b": array, "c": [array]}, path)
    return named({"a": array, "b": array, "c.0": array})
