"""What a subclass of an array or a tensor keeps beside its elements, in a state that only its class knows."""

from __future__ import annotations

from collections.abc import Iterator

from guest.readers.inert import Bag, Call, MappingObject
from guest.readers.numpy_objects import NumpyArray
from guest.readers.parts import Parts
from guest.readers.session import Session
from guest.readers.tensors import TensorView

_DEPTH, _ITEMS = 4, 1000
_REASON = "tensors in a state that only its class knows"


def note(subclass: str, state: object, session: Session) -> None:
    """Tell of tensors in it: they are the subclass's business, and not converted."""
    name = f"<{subclass[:200]}>"
    if name not in session.unread and _holds_tensors(state, _DEPTH):
        session.unread[name] = _REASON


def _holds_tensors(value: object, depth: int) -> bool:
    if isinstance(value, TensorView | Parts | NumpyArray):
        return True
    return depth > 0 and any(_holds_tensors(part, depth - 1) for part in _inside(value))


def _inside(value: object) -> Iterator[object]:
    """The first few of what it holds."""
    held: list[object] = []
    if isinstance(value, dict):
        held += list(value.values())[:_ITEMS]
    if isinstance(value, list | tuple):
        held += value[:_ITEMS]
    if isinstance(value, Bag | Call):
        held += value.items[:_ITEMS]
    if isinstance(value, Call | MappingObject):
        held += value.states
    yield from held
