"""Collects a tensor's elements by its strides, in pieces that fit the wire, without numpy.

The work is done by memoryview slices along one dimension, the longest; sparse views are read part by part, so that
neither a transposed gigabyte nor two elements at the ends of it need the whole storage in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from guest.readers.source import Source

BLOCK = 32 << 20  # bytes of output that are collected at once
_DENSE = 4  # a span of at most this many times its elements' bytes is read in one piece
_SMALL = 1 << 16  # and so is a span of at most this

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
    span = 1 + sum((dim.size - 1) * dim.stride for dim in dims)
    count = prod(dim.size for dim in dims if dim.stride)
    if not dims or span <= _DENSE * count or span * itemsize <= _SMALL:
        data = source.at(start * itemsize, span * itemsize)
        with memoryview(data) as view, view.cast(_LETTERS[itemsize]) as elements:
            _scatter(elements, dims, output, at)
        return
    widest = max(dims, key=lambda dim: dim.stride)
    rest = [dim for dim in dims if dim is not widest]
    for index in range(widest.size):
        _collect(source, itemsize, start + index * widest.stride, rest, output, at + index * widest.step)


def _scatter(elements: memoryview, dims: list[_Dim], output: memoryview, at: int) -> None:
    """Copy along the longest dimension, once for each place in the others."""
    if not dims:
        output[at] = elements[0]
        return
    longest = max(dims, key=lambda dim: dim.size)
    others = [dim for dim in dims if dim is not longest]
    size, stride, step = longest.size, longest.stride, longest.step
    for place in product(*(range(dim.size) for dim in others)):
        start = sum(index * dim.stride for index, dim in zip(place, others, strict=True))
        to = at + sum(index * dim.step for index, dim in zip(place, others, strict=True))
        target = slice(to, to + (size - 1) * step + 1, step)
        if stride:
            output[target] = elements[start : start + (size - 1) * stride + 1 : stride]
        else:
            output[target] = memoryview(bytes(elements[start : start + 1]) * size).cast(_LETTERS[elements.itemsize])


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
