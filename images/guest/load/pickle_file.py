"""pickle.load until the file ends, as what wrote several pickles into one file is read."""

from __future__ import annotations

from typing import Any, BinaryIO

from guest.load import unpickler

MAX_PICKLES = 1000


def load(file: BinaryIO) -> Any:
    """The object, or the list of them; again with latin-1 for what Python 2 wrote, as its users do."""
    try:
        return _load(file)
    except UnicodeDecodeError:
        file.seek(0)
        return _load(file, encoding="latin1")


def _load(file: BinaryIO, **options: Any) -> Any:
    loaded = [unpickler.load(file, **options)]
    while len(loaded) <= MAX_PICKLES and file.read(1):
        file.seek(-1, 1)
        try:
            loaded.append(unpickler.load(file, **options))
        except UnicodeDecodeError:
            raise
        except Exception:  # what follows is no pickle: whoever reads one object never sees it
            break
    return loaded if len(loaded) > 1 else loaded[0]
