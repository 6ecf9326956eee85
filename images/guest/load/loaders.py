"""One loader for each format, by the name its reader gives it: each loads as a user would."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from guest.load import (
    archives,
    compressed,
    distcp_file,
    exported,
    joblib_file,
    numpy_file,
    pickle_file,
    refusing,
    torch_tar,
    torchscript,
    unpickler,
)
from guest.load.place import Place
from guest.readers.compressed import CODECS
from guest.readers.errors import UnreadableError

Loader = Callable[[Place], Any]
_OPTIONS: Any = {"map_location": "cpu", "weights_only": False, "pickle_module": unpickler}


def _torch(place: Place) -> Any:
    """torch.load, as every tutorial spells it, mapped where the file's records are stored as they are."""
    import torch  # noqa: PLC0415 - imported before arming; only these formats need it

    return torch.load(place.for_torch(), mmap=place.mapped, **_OPTIONS)


def _distcp(place: Place) -> Any:
    import torch  # noqa: PLC0415 - imported before arming; only these formats need it

    return distcp_file.load(lambda record: torch.load(record, **_OPTIONS), place)


def _opened(load: Callable[[BinaryIO], Any]) -> Loader:
    def opened(place: Place) -> Any:
        with place.open() as file:
            return load(file)

    return opened


def load(name: str, place: Place) -> Any:
    """The loaded object. What refuses what it is given counts as absent, and the load begins anew.

    Raises UnreadableError for what the reader stopped before: importing its framework now would look like an attack.
    """
    if place.formats is not None and name not in place.formats:
        raise UnreadableError(f"{name} inside of it, which the reader did not come to")
    while True:
        try:
            return LOADERS[name](place)
        except Exception as error:
            refused = refusing.name(error, unpickler.looked_up, unpickler.absent)
            if refused is None or ".".join(refused) in unpickler.absent or len(unpickler.absent) > _MOST_ABSENT:
                raise
            unpickler.stand_in(*refused, f"it refuses what it is given: {error!r}"[:512])


_MOST_ABSENT = 1000  # then a class is being made up for each try
LOADERS: dict[str, Loader] = {
    "torch-zip": _torch,
    "torch-legacy": _torch,
    "torchscript": torchscript.load,
    "torch-export": exported.load,
    "torch-tar": torch_tar.load,
    "torch-distcp": _distcp,
    "pickle": _opened(pickle_file.load),
    "joblib": _opened(joblib_file.load),
    "npy": _opened(numpy_file.load),
    "npz": _opened(numpy_file.load),
}
# Those that hold others, which are loaded by their own loaders.
LOADERS |= {name: partial(compressed.load, name, load, LOADERS) for name in CODECS}
LOADERS |= {
    "tar": partial(archives.tar, load, LOADERS),
    "zip": partial(archives.zipped, load, LOADERS),
    "stable-baselines3": partial(archives.stable_baselines, load, LOADERS),
}
# With what torch.load imports when it is first called: a load under watch then opens the model and nothing else.
TORCH = ("torch", "torch.utils.serialization")
NEEDS: dict[str, tuple[str, ...]] = {
    "torch-zip": TORCH,
    "torch-legacy": TORCH,
    "torch-tar": TORCH,
    "torch-distcp": TORCH,
    "torchscript": (*TORCH, *torchscript.NEEDS),
    "torch-export": (*TORCH, *exported.NEEDS),
    "pickle": (),
    "joblib": ("numpy", "joblib"),
    "npy": ("numpy",),
    "npz": ("numpy",),
}


def needed(names: list[str], modules: list[str]) -> list[str]:
    """What to import before arming for a file that is, and holds, these formats and names these frameworks."""
    beside = TORCH if "torch" in modules else ()
    return [*(module for name in names for module in NEEDS.get(name, ())), *modules, *beside]
