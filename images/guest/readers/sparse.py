"""Whether a sparse tensor's indices lie within its size: torch looks when it is told to, and not when it loads one.

What makes such a tensor dense writes where its indices point.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from operator import le

from guest.readers import gather
from guest.readers.errors import UnreadableError
from guest.readers.inert import as_shape
from guest.readers.parts import Parts
from guest.readers.session import Session
from guest.readers.tensors import TensorView

_MOST = 32 << 20  # indices of all tensors together that are looked at
_LETTERS = {8: "q", 4: "i"}


def check(tensors: list[Parts], form: str, named: Callable[[object], str], session: Session) -> None:
    """Say of each tensor that reaches outside of itself. Every storage has its place. `named`: of a part."""
    left = _MOST
    for tensor in tensors:
        views = [part for part in tensor.children.values() if isinstance(part, TensorView)]
        left -= sum(view.numel for view in views[:-1] if view.span() is not None)
        if left < 0:
            session.incomplete("sparse tensors with more indices than are looked at")
            return
        fault = _fault(tensor)
        if fault:
            name = next(filter(None, map(named, views)), "a sparse tensor")
            record = next((view.storage.record for view in views if view.storage), "")
            session.oddity(form, "tensor.out_of_bounds", f"{name}: {fault}", record)


def _fault(tensor: Parts) -> str:
    """What is wrong with its indices; "" for those that can't be read, which is told of each part."""
    size = as_shape(tensor.facts.get("size"))
    parts = list(tensor.children.values())
    if size is None or not all(isinstance(part, TensorView) and part.span() is not None for part in parts):
        return ""
    first, *_, values = views = [part for part in parts if isinstance(part, TensorView)]
    try:
        if tensor.kind == "sparse_coo":
            return _of_coordinates(first, size)
        return _of_compressed(tensor.kind, first, views[1], values, size)
    except UnreadableError:
        return ""


def _of_coordinates(indices: TensorView, size: tuple[int, ...]) -> str:
    if len(indices.shape) != 2 or indices.shape[0] > len(size):
        return f"indices of shape {indices.shape} for a tensor of shape {size}"
    count, (step, stride) = indices.shape[1], indices.strides
    for axis, most in enumerate(size[: indices.shape[0]]):
        row = TensorView(indices.storage, indices.dtype, indices.offset + axis * step, (count,), (stride,))
        if not _within(row, most):
            return f"its indices lead out of its {most} places of axis {axis}"
    return ""


def _of_compressed(kind: str, ends: TensorView, others: TensorView, values: TensorView, size: tuple[int, ...]) -> str:
    batch = len(ends.shape) - 1
    if batch < 0 or len(others.shape) != batch + 1 or len(size) < batch + 2:
        return f"indices of shapes {ends.shape} and {others.shape} for a tensor of shape {size}"
    by_rows = kind in ("sparse_csr", "sparse_bsr")
    blocks = values.shape[batch + 1 : batch + 3] if kind in ("sparse_bsr", "sparse_bsc") else (1, 1)
    if len(blocks) < 2 or 0 in blocks:
        return f"blocks of shape {blocks}"
    rows, columns = (size[batch + at] // blocks[at] for at in (0, 1))
    told, most = (rows, columns) if by_rows else (columns, rows)
    if not _within(others, most):
        return f"its indices lead out of its {most} places"
    if ends.shape[-1] != told + 1:
        return f"{ends.shape[-1]} ends for {told} lines"
    return "" if _ascend(ends, others.shape[-1]) else "its lines don't follow one another"


def _within(view: TensorView, most: int) -> bool:
    return all(min(numbers) >= 0 and max(numbers) < most for numbers in _numbers(view))


def _ascend(ends: TensorView, count: int) -> bool:
    """Whether each line of ends begins at 0, never falls, and ends at the count."""
    width = ends.shape[-1]
    numbers = array("q")
    for more in _numbers(ends):
        numbers.extend(more)
    lines = (numbers[at : at + width] for at in range(0, len(numbers), width))
    return all(line[0] == 0 and line[-1] == count and all(map(le, line, line[1:])) for line in lines)


def _numbers(view: TensorView) -> Iterator[array[int]]:
    """Its elements, in pieces that aren't empty. Raises UnreadableError."""
    storage, letter = view.storage, _LETTERS.get(view.dtype.itemsize)
    if storage is None or storage.source is None or letter is None or not view.numel:
        return
    for block in gather.blocks(storage.source, view.dtype.itemsize, view.offset, view.shape, view.strides):
        numbers = array(letter)
        numbers.frombytes(bytes(block))
        if storage.big_endian:
            numbers.byteswap()
        if numbers:
            yield array("q", numbers)
