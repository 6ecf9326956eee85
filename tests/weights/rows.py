"""A reader's row, sound unless told otherwise."""

from __future__ import annotations

from sandbox.facts import Label, Tensor
from sandbox.untrusted import wire
from sandbox.weights.dtypes import size_of
from sandbox.weights.plan import Caps, PlanCheck
from sandbox.weights.writer import Target

CAPS = Caps(total_bytes=1 << 30)


def row(index: int = 0, **changes: object) -> wire.Tensor:
    """A sound row: four F32 at offset 0."""
    values: dict[str, object] = {
        "index": index,
        "name": f"t{index}",
        "dtype": "F32",
        "shape": (2, 2),
        "strides": (2, 1),
        "label": Label.COPIED.value,
        "record": "data/0",
        "offset": 0,
        "length": 16,
        "alias": -1,
    }
    return wire.Tensor(**(values | changes))


def plan(rows: list[wire.Tensor], file_size: int, caps: Caps = CAPS) -> tuple[Tensor, ...]:
    check = PlanCheck((file_size,), caps)
    for one in rows:
        check.add(one)
    return check.finish(wire.PlanEnd(len(rows), sum(size_of(one.dtype, one.shape) for one in rows)))


def whole(tensors: tuple[Tensor, ...], fd: int) -> list[Target]:
    """All of them in one file."""
    return [Target(fd, tensors)]
