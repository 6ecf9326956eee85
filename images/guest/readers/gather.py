"""Collects a tensor's elements by its strides, in pieces that fit the wire, without numpy.

The work is done by memoryview slices along one dimension, the longest; sparse views are read part by part, so that
neither a transposed gigabyte nor two elements at the ends of it need the whole storage in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from operator import itemgetter
from typing import Any, Literal

from guest.readers.source import Source

BLOCK = 32 << 20  # bytes of output that are collected at once
_PIECE = 64 << 20  # bytes of the source that are held at once
_ASKING = 8192  # bytes that could be read and hashed in the time that one more pread takes
_SHORT = 24  # dimensions shorter than this are collected element by element, not slice by slice
_INDEX = 1 << 16  # elements that are collected by one list of places

# memoryview's letter for each size of element.
_LETTERS: dict[int, Any] = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True, slots=True)
class _Dim:
    """One dimension: its size, and its step in the source and in the output, in elements."""

    size: int
    stride: int
    step: int


def blocks(
    source: Source, itemsize: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Iterator[bytearray]:
    """The tensor's elements in C order, in pieces of whole elements. The view was checked to lie in the source."""
    if 0 in shape:
        return
    for start, part in _split(offset, shape, strides, max(BLOCK // itemsize, 1)):
        dims = _dims(part)
        block = bytearray(prod(size for size, _ in part) * itemsize)
        with memoryview(block) as view, view.cast(_LETTERS[itemsize]) as output:
            _collect(source, itemsize, start, dims, output, 0)
        yield block


def _dims(part: list[tuple[int, int]]) -> list[_Dim]:
    """Without dimensions of size 1, and with those joined that are one run in the source."""
    dims: list[_Dim] = []
    step = 1
    for size, stride in reversed(part):
        if size == 1:
            continue
        inner = dims[-1] if dims else None
        if inner and inner.stride * inner.size == stride:
            dims[-1] = _Dim(inner.size * size, inner.stride, inner.step)
        else:
            dims.append(_Dim(size, stride, step))
        step *= size
    return dims


def _split(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], limit: int
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Cut the outermost dimensions so that each part has at most `limit` elements."""
    dims = list(zip(shape, strides, strict=True))
    inner = prod(shape)
    cut = 0
    while cut < len(dims) and inner > limit:
        inner //= dims[cut][0]
        cut += 1
    if cut == 0:
        yield offset, dims
        return
    size, stride = dims[cut - 1]
    rows = max(limit // inner, 1)
    for outer in product(*(range(size) for size, _ in dims[: cut - 1])):
        start = offset + sum(at * step for at, (_, step) in zip(outer, dims, strict=False))
        for row in range(0, size, rows):
            yield start + row * stride, [(min(rows, size - row), stride), *dims[cut:]]


def _collect(source: Source, itemsize: int, start: int, dims: list[_Dim], output: memoryview, at: int) -> None:
    """Fill `output` from element `at` on with the elements that begin at element `start` of the source."""
    span = _span(dims)
    widest = max(dims, key=lambda dim: dim.stride, default=None)
    rest = [dim for dim in dims if dim is not widest]
    sparse = widest is not None and widest.size * (_span(rest) * itemsize + _ASKING) < span * itemsize
    if widest is None or (not sparse and span * itemsize <= _PIECE):
        data = source.at(start * itemsize, span * itemsize)
        with memoryview(data) as view, view.cast(_LETTERS[itemsize]) as elements:
            _scatter(elements, dims, output, at)
        return
    rows = 1 if sparse else (_PIECE // itemsize - _span(rest)) // widest.stride + 1
    rows = min(max(rows, 1), widest.size - 1)
    for first in range(0, widest.size, rows):
        size = min(rows, widest.size - first)
        part = [_Dim(size, widest.stride, widest.step), *rest] if size > 1 else rest
        _collect(source, itemsize, start + first * widest.stride, part, output, at + first * widest.step)


def _span(dims: list[_Dim]) -> int:
    return 1 + sum((dim.size - 1) * dim.stride for dim in dims)


def _scatter(elements: memoryview, dims: list[_Dim], output: memoryview, at: int) -> None:
    """Copy along the longest dimension, once for each place in the others."""
    if not dims:
        output[at] = elements[0]
        return
    longest = max(dims, key=lambda dim: dim.size)
    run = _run(dims)
    if longest.size < _SHORT and len(run) > 1:
        _pick(elements, run, [dim for dim in dims if dim not in run], output, at)
        return
    others = [dim for dim in dims if dim is not longest]
    size, stride, step = longest.size, longest.stride, longest.step
    for start, to in zip(_places(others, "stride"), _places(others, "step"), strict=True):
        target = slice(at + to, at + to + (size - 1) * step + 1, step)
        if stride:
            output[target] = elements[start : start + (size - 1) * stride + 1 : stride]
        else:
            output[target] = memoryview(bytes(elements[start : start + 1]) * size).cast(_LETTERS[elements.itemsize])


def _run(dims: list[_Dim]) -> list[_Dim]:
    """The innermost dimensions that together are one run of the output, of at most so many elements; inner first."""
    run: list[_Dim] = []
    width = 1
    for dim in sorted(dims, key=lambda dim: dim.step):
        if dim.step != width or width * dim.size > _INDEX:
            break
        run.append(dim)
        width *= dim.size
    return run


def _pick(elements: memoryview, run: list[_Dim], others: list[_Dim], output: memoryview, at: int) -> None:
    """Many short dimensions: one list of places for a run of the output, applied wherever such a run begins."""
    pick = itemgetter(*_places(run[::-1], "stride"))
    width = prod(dim.size for dim in run)
    letter = _LETTERS[elements.itemsize]
    for start, to in zip(_places(others, "stride"), _places(others, "step"), strict=True):
        output[at + to : at + to + width] = memoryview(array(letter, pick(elements[start:])))


def _places(dims: list[_Dim], step: Literal["stride", "step"]) -> list[int]:
    """Where each element of these dimensions is, from the first; the last dimension fastest."""
    places = [0]
    for dim in dims:
        width = dim.stride if step == "stride" else dim.step
        places = [place + index * width for place in places for index in range(dim.size)]
    return places


def swap(block: bytearray, width: int) -> None:
    """Reverse every `width` bytes: the other byte order."""
    if width == 1:
        return
    original = bytes(block)
    for byte in range(width):
        block[byte::width] = original[width - 1 - byte :: width]


_FLIP = bytes(value ^ 0x80 for value in range(256))


def negate(block: bytearray, width: int, first: int, every: int) -> None:
    """Flip the sign of each `every`-th number of `width` bytes, from number `first` on; little-endian."""
    sign = slice(first * width + width - 1, None, every * width)
    block[sign] = block[sign].translate(_FLIP)
