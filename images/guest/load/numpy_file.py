"""numpy.load, whose pickles are read by the unpickler that makes stand-ins."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

from guest.load import unpickler

MAX_ARRAYS = 1000
_MAGIC = b"\x93NUMPY"
# Where numpy reads arrays of objects, by its version.
_READS_PICKLES = ("numpy.lib._format_impl", "numpy.lib.format")


def load(file: BinaryIO) -> Any:
    """The array, the list of several in a row, or every array of an archive.

    Again with latin-1 for what Python 2 wrote, as its users do.
    """
    try:
        return _load(file)
    except UnicodeError:
        file.seek(0)
        return _load(file, encoding="latin1")


def _load(file: BinaryIO, **options: Any) -> Any:
    import numpy  # noqa: PLC0415 - imported before arming; only these formats need it

    for name in _READS_PICKLES:
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "pickle"):
            module.pickle = unpickler  # type: ignore[attr-defined]
    loaded = numpy.load(file, allow_pickle=True, **options)
    if isinstance(loaded, numpy.lib.npyio.NpzFile):
        return {name: loaded[name] for name in loaded.files}
    arrays = [loaded]
    while len(arrays) < MAX_ARRAYS and _follows(file):
        arrays.append(numpy.load(file, allow_pickle=True, **options))
    return arrays if len(arrays) > 1 else loaded


def _follows(file: BinaryIO) -> bool:
    """Whether another array begins here, as numpy.save writes them behind one another."""
    at = file.tell()
    begun = file.read(len(_MAGIC)) == _MAGIC
    file.seek(at)
    return begun
