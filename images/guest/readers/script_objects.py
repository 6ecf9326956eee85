"""TorchScript's own objects and constructors, as inert values.

A module is named as its attributes are: parameters, buffers, submodules, and the other attributes, which Python's
state_dict leaves out. An object that packs itself for saving, as quantized layers' weights do, is what it was packed
as: its tensors are called by their places in that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guest.readers.errors import ArgumentsError
from guest.readers.inert import Call
from guest.readers.known import Record, Table

PREFIX = "__torch__."
_COMPILED = "__torch__.torch.classes."  # classes of C++, whose state is whatever they pack
_EVERY_MODULE = "training"  # the attribute that all modules have, and objects of other classes have not

UNREACHABLE = "an attribute of an object that TorchScript hands to nobody"


@dataclass(eq=False, slots=True)
class Script:
    """A whole archive: the module, the tensors that its code mentions, the other records."""

    module: object
    constants: dict[str, object]
    version: str
    code: list[str]


def is_scripted(node: Call) -> bool:
    """Whether it is an object of a class that the archive's own code defines, or TorchScript itself."""
    return node.kind == "newobj" and node.root is not None and node.root.canonical.startswith(PREFIX)


def state_of(node: Call) -> Any:
    """What such an object is made of."""
    return node.states[0] if len(node.states) == 1 else None


def is_reachable(node: Call) -> bool:
    """Whether Python can be given the object once it is loaded: modules, and what packs itself."""
    state = state_of(node)
    compiled = node.root is not None and node.root.canonical.startswith(_COMPILED)
    return compiled or not isinstance(state, dict) or _EVERY_MODULE in state


def _listed(made: Call, _: Record) -> object:
    if not isinstance(made.args[0], list | tuple):
        raise ArgumentsError("no list")
    return made.args[0]


def _tagged(made: Call, _: Record) -> object:
    """A container with the name of its type."""
    return made.args[0]


_LISTS = ("intlist", "doublelist", "boollist", "tensorlist", "complexdoublelist")
SCRIPT_OBJECTS: Table = {
    **{f"torch.jit._pickle.build_{name}": _listed for name in _LISTS},
    "torch.jit._pickle.restore_type_tag": _tagged,
}
