"""TorchScript archives: torch.jit.load, and what is then inside, as the readers name it.

The constants of an archive's code have no names once it is compiled, and nothing hands them out, so they are read a
second time, by torch's own reader of archives and the unpicklers of it that import nothing of Python.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pickle import UnpicklingError
from typing import Any

from guest.load.place import Place

CONSTANTS = "CONSTANTS"  # as the code calls them: CONSTANTS.c0
NEEDS = ("torch", "torch.jit", "torch._weights_only_unpickler")

_RECORD, _FOLDER = "constants.pkl", "constants/"
_PACKED = "__getstate__"


def load(place: Place) -> Any:
    """The module, with its constants beside it."""
    import torch  # noqa: PLC0415 - imported before arming; only this format needs it

    load_script: Any = torch.jit.load
    module = load_script(place.for_torch(), map_location="cpu")
    vars(module)[CONSTANTS] = _constants(torch, place)
    return module


def _constants(torch: Any, place: Place) -> dict[str, Any]:
    """In the order of their numbers."""
    archive = torch._C.PyTorchFileReader(place.for_torch())
    try:
        held = _tensors(torch, archive)
    except UnpicklingError:
        held = _objects(torch, archive)
    return {f"c{at}": constant for at, constant in enumerate(held)}


def _tensors(torch: Any, archive: Any) -> Any:
    """Constants that are tensors alone, as nearly all are."""
    from torch._weights_only_unpickler import Unpickler  # noqa: PLC0415 - imported before arming

    unpickler: Any = Unpickler(io.BytesIO(archive.get_record(_RECORD)), encoding="utf-8")

    def persistent(pid: tuple[Any, ...]) -> Any:
        _, kind, key, _, numel = pid[:5]
        nbytes = numel * torch._utils._element_size(kind.dtype)
        held = archive.get_storage_from_record(f"{_FOLDER}{key}", nbytes, torch.UntypedStorage)
        untyped = held._typed_storage()._untyped_storage
        return torch.storage.TypedStorage(wrap_storage=untyped, dtype=kind.dtype, _internal=True)

    unpickler.persistent_load = persistent
    return unpickler.load()


def _objects(torch: Any, archive: Any) -> Any:
    """With packed weights among them, which only C++ can make: it takes an archive of their own."""
    copied = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(copied)
    for name in archive.get_all_records():
        if name == _RECORD or name.startswith(_FOLDER):
            content = archive.get_record(name)
            writer.write_record(name.replace("constants", "data", 1), content, len(content))
    writer.write_end_of_file()
    return torch._C._pickle_load_obj(copied.getvalue())


def inside(node: Any) -> Any:
    """What a scripted module or object holds: a dict of its attributes, or what it packs itself as. None for others."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if isinstance(node, torch.jit.RecursiveScriptModule):
        held, constants = _module(torch, node._c), vars(node).get(CONSTANTS)
        return {**held, CONSTANTS: constants} if constants and isinstance(held, dict) else held
    if isinstance(node, torch._C.ScriptModule):
        return _module(torch, node)
    if isinstance(node, torch._C.ScriptObject):
        return node._get_method(_PACKED)() if node._has_method(_PACKED) else {}
    return None


def _module(torch: Any, module: Any) -> Any:
    """Attributes that Python can't be given are left out; the plan leaves them out, too."""
    return module._get_method(_PACKED)() if module._has_method(_PACKED) else dict(_attributes(torch, module))


def _attributes(torch: Any, module: Any) -> Iterator[tuple[str, Any]]:
    kind = torch._C.ConcreteModuleType.from_jit_type(module._type())
    for name in [*kind.get_attributes(), *(name for name, _ in kind.get_modules())]:
        try:
            yield name, module.getattr(name)
        except RuntimeError:
            continue
