"""One loader for each format, by the name its reader gives it: each loads as a user would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.load import unpickler

Loader = Callable[[str, bool], Any]


def _torch(path: str, mapped: bool) -> Any:
    """torch.load, as every tutorial spells it, mapped where the file's records are stored as they are."""
    import torch  # noqa: PLC0415 - imported before arming; only these formats need it

    return torch.load(path, map_location="cpu", weights_only=False, mmap=mapped, pickle_module=unpickler)


def _pickle(path: str, _mapped: bool) -> Any:
    """pickle.load; again with latin-1 for what Python 2 wrote, as its users do."""
    with Path(path).open("rb") as file:
        try:
            return unpickler.load(file)
        except UnicodeDecodeError:
            file.seek(0)
            return unpickler.load(file, encoding="latin1")


LOADERS: dict[str, Loader] = {"torch-zip": _torch, "torch-legacy": _torch, "pickle": _pickle}
NEEDS: dict[str, tuple[str, ...]] = {"torch-zip": ("torch",), "torch-legacy": ("torch",), "pickle": ()}
