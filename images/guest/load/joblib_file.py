"""joblib.load: by joblib itself where it is installed, otherwise by what its unpickler does with arrays."""

from __future__ import annotations

import pickle
import sys
from math import prod
from typing import Any, BinaryIO, ClassVar

from guest.load import unpickler

_ABSENT = "joblib isn't installed: its arrays were read as it reads them"
_WRAPPERS = frozenset(f"{root}.numpy_pickle.NumpyArrayWrapper" for root in ("joblib", "sklearn.externals.joblib"))


def load(file: BinaryIO) -> Any:
    """The object."""
    joblib = sys.modules.get("joblib.numpy_pickle")
    if joblib is None:
        return _Unpickler(file).load()
    if not issubclass(joblib.NumpyUnpickler, unpickler.StandIns):
        joblib.NumpyUnpickler = type("NumpyUnpickler", (unpickler.StandIns, joblib.NumpyUnpickler), {})  # type: ignore[attr-defined]
    return joblib.load(file)


class _Wrapper:
    """What joblib leaves in place of an array, whose bytes follow."""


# joblib makes its own from it, too.
_IN_PYTHON: Any = pickle._Unpickler


class _Unpickler(unpickler.StandIns, _IN_PYTHON):  # type: ignore[misc]
    dispatch: ClassVar[dict[int, Any]] = dict(_IN_PYTHON.dispatch)

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._file = file

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _WRAPPERS:
            return super().find_class(module, name)
        unpickler.absent.setdefault(full, _ABSENT)
        unpickler.uses[full] += 1
        return _Wrapper

    def load_build(self) -> None:
        super().load_build()
        if isinstance(self.stack[-1], _Wrapper):
            self.stack[-1] = self._array(**vars(self.stack[-1]))

    dispatch[pickle.BUILD[0]] = load_build

    def _array(
        self, dtype: Any, shape: Any, order: str, numpy_array_alignment_bytes: int | None = None, **_: Any
    ) -> Any:
        import numpy  # noqa: PLC0415 - imported before arming; only these formats need it

        if dtype.hasobject:
            inner = unpickler.Unpickler(self._file)
            return inner.load()
        if numpy_array_alignment_bytes is not None:
            self._file.read(self._file.read(1)[0])
        count = prod(int(size) for size in shape)
        data = self._file.read(count * dtype.itemsize)
        array = numpy.frombuffer(bytearray(data), dtype, count) if data else numpy.empty(count, dtype)
        return array.reshape(shape, order="F" if order == "F" else "C")
