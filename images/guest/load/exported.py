"""What torch.export wrote: torch.export.load, and what is then inside, as the readers name it."""

from __future__ import annotations

import io
import sys
import zipfile
from typing import Any

from guest.load.place import Place
from guest.naming import Members

# With what it imports when it is first called.
NEEDS = (
    "torch",
    "torch.export",
    "torch.export.pt2_archive._package",
    "torch._export.serde.serialize",
    "torch.fx.experimental.validator",
    "torch.utils.serialization.config",
    "torch._weights_only_unpickler",
)
_OLD = "serialized_exported_program.json"
_OLD_TENSORS = ("serialized_state_dict", "serialized_constants")


def load(place: Place) -> Any:
    """The program, or all of them by their names. Of one in a schema that torch has left behind: its tensors."""
    import torch  # noqa: PLC0415 - imported before arming; only this format needs it

    with zipfile.ZipFile(place.for_torch()) as archive:
        names = archive.namelist()
    if _OLD not in names:
        return _programs(torch, place, names)
    try:
        return torch.export.load(place.for_torch())
    except (RuntimeError, AssertionError):
        return _tensors(torch, place)


def _programs(torch: Any, place: Place, names: list[str]) -> Any:
    """torch.export.load knows one program, by the name that torch.export.save gives it."""
    models = [name for name in names if name.partition("/")[2].startswith("models/")]
    if len(models) == 1 and models[0].endswith("/model.json"):
        return torch.export.load(place.for_torch())
    return Members(torch.export.pt2_archive.load_pt2(place.for_torch()).exported_programs)


def _tensors(torch: Any, place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with zipfile.ZipFile(place.for_torch()) as archive:
        for name in archive.namelist():
            if name.partition(".")[0] in _OLD_TENSORS:
                content = archive.read(name)
                found |= torch.load(io.BytesIO(content), map_location="cpu", weights_only=False) if content else {}
    return found


def inside(node: Any) -> dict[str, Any] | None:
    """A program's tensors by their names in the model; None for what is none."""
    module = sys.modules.get("torch.export")
    if module is None or not isinstance(node, module.ExportedProgram):
        return None
    return {**node.state_dict, **node.constants}
