"""What an array's elements become in the output, by its dtype: one tensor, several named parts, text, or nothing.

structured        each field by its name, taken through the records' strides
complex128        `real` and `imag`
times             their integers; the unit stands in the sidecar
text              kept as text when it is short
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from math import prod

from guest.readers import gather
from guest.readers.dtypes import NUMPY
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Bytes
from guest.readers.numpy_dtypes import MAX_FIELDS, NumpyDtype
from guest.readers.parts import Parts
from guest.readers.session import Session
from guest.readers.source import Memory, Source
from guest.readers.tensors import HUGE, Storage, TensorView, c_strides, missing

_DEPTH = 16  # of fields in fields
_TEXT = 1 << 16  # bytes of text that are kept
_TIMES = NUMPY["i8"]


@dataclass(eq=False, slots=True)
class TextArray:
    """An array of strings."""

    dtype: NumpyDtype
    items: list[object]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where elements lie: the first one's offset, and steps, in bytes."""

    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    def at(self, offset: int) -> _Grid:
        return _Grid(self.offset + offset, self.shape, self.steps)

    def divided(self, shape: tuple[int, ...], size: int) -> _Grid:
        inner = tuple(step * size for step in c_strides(shape))
        return _Grid(self.offset, self.shape + shape, self.steps + inner)


class Layout:
    """Of one array."""

    def __init__(self, source: Source, record: str, session: Session) -> None:
        self._source = source
        self._record = record
        self._session = session
        self._fields = 0

    def read(self, dtype: NumpyDtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> object:
        """Strides in elements. Raises ArgumentsError."""
        return self._value(dtype, _Grid(0, shape, tuple(stride * dtype.size for stride in strides)), 0)

    def _value(self, dtype: NumpyDtype, grid: _Grid, depth: int) -> object:
        self._fields += 1
        if depth > _DEPTH or self._fields > MAX_FIELDS or len(grid.shape) > 64 or prod(grid.shape) > HUGE:
            raise ArgumentsError("a dtype of too many parts")
        if dtype.base is not None:
            return self._value(dtype.base, grid.divided(dtype.shape, dtype.base.size), depth + 1)
        if dtype.fields:
            inner = {field.name: self._value(field.dtype, grid.at(field.offset), depth + 1) for field in dtype.fields}
            fields = {field.name: [field.dtype.text, field.offset] for field in dtype.fields}
            return Parts("structured", inner, {"shape": list(grid.shape), "itemsize": dtype.size, "fields": fields})
        if dtype.code == "c16":
            halves = {"real": self._tensor(_half(dtype), grid), "imag": self._tensor(_half(dtype), grid.at(8))}
            return Parts("complex128", dict(halves))
        if dtype.kind in ("M", "m") and dtype.size == _TIMES.itemsize:
            return self._tensor(NumpyDtype("i8", dtype.order, 8), grid)
        if dtype.kind in ("U", "S"):
            return self._text(dtype, grid)
        return self._tensor(dtype, grid)

    def _tensor(self, dtype: NumpyDtype, grid: _Grid) -> TensorView:
        kind = dtype.dtype
        if not kind.name:
            return missing(f"{kind.what}: safetensors has no such dtype", kind)
        size = kind.itemsize
        source = self._source
        if grid.offset % size or any(step % size for step in grid.steps):
            source = self._packed(grid, size)
            grid = _Grid(0, grid.shape, tuple(stride * size for stride in c_strides(grid.shape)))
        storage = Storage("", kind, source.length, self._record, source, dtype.big_endian)
        return TensorView(storage, kind, grid.offset // size, grid.shape, tuple(step // size for step in grid.steps))

    def _packed(self, grid: _Grid, size: int) -> Source:
        """Elements that lie at no multiple of their size, side by side."""
        length = prod(grid.shape) * size
        last = grid.offset + sum((count - 1) * step for count, step in zip(grid.shape, grid.steps, strict=True)) + size
        if length and last > self._source.length:
            raise ArgumentsError("a field outside of its array")
        self._session.spend_bytes(length)
        pieces = gather.blocks(self._source, 1, grid.offset, (*grid.shape, size), (*grid.steps, 1))
        return Memory(memoryview(b"".join(pieces)), self._source.origin)

    def _text(self, dtype: NumpyDtype, grid: _Grid) -> object:
        count = prod(grid.shape)
        if count * max(dtype.size, 1) > _TEXT:
            return missing(f"{count} strings: longer than what is kept as text", dtype.dtype)
        data = memoryview(self._packed(grid, dtype.size).at(0, count * dtype.size))
        cut = [bytes(data[at * dtype.size : (at + 1) * dtype.size]) for at in range(count)]
        try:
            return TextArray(dtype, [_string(item, dtype, self._source.origin) for item in cut], grid.shape)
        except UnicodeDecodeError:
            return missing("strings that are no Unicode", dtype.dtype)


def _half(dtype: NumpyDtype) -> NumpyDtype:
    return NumpyDtype("f8", dtype.order, 8)


def _string(item: bytes, dtype: NumpyDtype, origin: tuple[int, int]) -> object:
    if dtype.kind == "U":
        decode = codecs.utf_32_be_decode if dtype.big_endian else codecs.utf_32_le_decode  # found without an import
        return decode(item, "surrogatepass", True)[0].rstrip("\0")
    data = item.rstrip(b"\0")
    return Bytes(Memory(memoryview(data), origin), "bytes", data)
