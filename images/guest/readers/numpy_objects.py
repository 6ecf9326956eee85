"""numpy's constructors, as inert values."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from math import prod
from typing import Any

from guest.made import array_state
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Bytes, Call, Global, OfBytes, as_bytes, as_shape, as_text
from guest.readers.known import Record, Table
from guest.readers.numpy_dtypes import NumpyDtype, constructed, spelled
from guest.readers.numpy_layout import Layout, TextArray
from guest.readers.parts import Parts
from guest.readers.source import Source
from guest.readers.tensors import HUGE, Storage, TensorView, c_strides, f_strides, missing


@dataclass(eq=False, slots=True)
class NumpyArray(OfBytes):
    """An array; its elements come with BUILD. At most one of `view`, `parts` and `objects` is set then.

    `note` says what a view's integers mean, where they are times.
    """

    subtype: str
    view: TensorView | None = None
    parts: Parts | TextArray | None = None
    objects: list[Any] | None = None
    shape: tuple[int, ...] = ()
    note: str = ""
    masked: bool = False
    built: bool = False
    raw: Bytes | None = None

    def build(self, state: object, record: Record) -> None:
        """([version,] shape, dtype, Fortran order, bytes or list of objects[, mask, fill value])."""
        if self.built or not isinstance(state, tuple):
            raise ArgumentsError("an array's state that is none")
        if self.masked:
            self._mask(state, record)
            return
        if self.subtype != "numpy.ndarray" and len(state) != 4:
            state = array_state(state) or state
        if len(state) not in (4, 5):
            raise ArgumentsError("an array's state that is none")
        shape, dtype, fortran, data = state[-4:]
        self.fill(as_shape(shape), dtype, bool(fortran), data, record)

    def fill(self, shape: tuple[int, ...] | None, dtype: object, fortran: bool, data: object, record: Record) -> None:
        """Give the array its elements. Raises ArgumentsError."""
        if shape is None or min(shape, default=0) < 0 or prod(shape) > HUGE or not isinstance(dtype, NumpyDtype):
            raise ArgumentsError("an array's shape or dtype that is none")
        self.built = True
        self.view = None
        self.shape = shape
        if isinstance(data, list):
            self.objects = list(data)
            return
        source = as_bytes(data, record.origin)
        if source is None:
            raise ArgumentsError("an array without its bytes")
        self.raw = data if isinstance(data, Bytes) else None
        if source.length != prod(shape) * dtype.size:
            raise ArgumentsError("an array whose bytes are not as many as its shape says")
        record.session.store(source, record.where.record, texts=dtype.kind in ("S", "U"))
        strides = f_strides(shape) if fortran else c_strides(shape)
        self._take(Layout(source, record.where.record, record.session).read(dtype, shape, strides), dtype)

    def _take(self, value: object, dtype: NumpyDtype) -> None:
        if isinstance(value, TensorView):
            self.view = value
            self.note = dtype.text if dtype.kind in ("M", "m") else ""
        elif isinstance(value, Parts | TextArray):
            self.parts = value

    def _mask(self, state: tuple[Any, ...], record: Record) -> None:
        """(1, shape, dtype, Fortran order, bytes, mask's bytes, fill value)."""
        if len(state) != 7:
            raise ArgumentsError("a masked array's state that is none")
        shape, dtype, fortran = as_shape(state[1]), state[2], bool(state[3])
        data, mask = NumpyArray("numpy.ndarray"), NumpyArray("numpy.ndarray")
        data.fill(shape, dtype, fortran, state[4], record)
        if dtype.plain:
            mask.fill(shape, spelled("?"), fortran, state[5], record)
        else:
            mask.view = missing("the mask of a structured array", spelled("?").dtype)
        self.built = True
        self.parts = Parts("masked", {"data": data, "mask": mask})


@dataclass(eq=False, slots=True)
class NumpyScalar:
    """One number with its dtype; `value` is its bytes."""

    dtype: NumpyDtype
    value: object


def _reconstruct(made: Call, record: Record) -> NumpyArray:
    kind = made.args[0]
    if not isinstance(kind, Global):
        raise ArgumentsError("an array of no class")
    record.session.used(record.where, kind, "subtype", False, made.args[1:])
    array = NumpyArray(kind.name)
    shape = as_shape(made.args[1])
    code = as_text(made.args[2])
    if shape is not None and code is not None and 0 in shape:
        # Usually followed by BUILD; without one it stays the empty array it is now.
        dtype = spelled(code)
        empty = Storage("", dtype.dtype, 0, record.where.record)
        array.view = TensorView(empty, dtype.dtype, 0, shape, c_strides(shape))
    return array


def _mareconstruct(made: Call, record: Record) -> NumpyArray:
    """(class, class of the data, shape, dtype)"""
    for kind in made.args[:2]:
        if not isinstance(kind, Global):
            raise ArgumentsError("an array of no class")
        record.session.used(record.where, kind, "subtype", False, made.args[2:])
    return NumpyArray(made.args[0].name, masked=True)


def _scalar(made: Call, _: Record) -> object:
    if not made.args or not isinstance(made.args[0], NumpyDtype):
        raise ArgumentsError("a scalar of no dtype")
    value = made.args[1] if len(made.args) > 1 else None
    return NumpyScalar(made.args[0], value)


def _frombuffer(made: Call, record: Record) -> NumpyArray:
    data, dtype, shape, order = made.args[0], made.args[1], as_shape(made.args[2]), as_text(made.args[3])
    if not isinstance(data, Bytes) or order not in ("C", "F"):
        raise ArgumentsError("an array without its bytes or order")
    array = NumpyArray("numpy.ndarray")
    array.fill(shape, dtype, order == "F", data, record)
    return array


_TEXT = 1 << 16  # bytes of a text that may be a key

# struct's letter for each code whose number Python has.
_NUMBERS = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}


def number(scalar: NumpyScalar) -> bool | int | float | None:
    """The scalar's value, when it is a plain number."""
    letter = _NUMBERS.get(scalar.dtype.code) if scalar.dtype.plain else None
    source = as_bytes(scalar.value, (0, 0)) if letter else None
    if letter is None or source is None or source.length != struct.calcsize(letter):
        return None
    value: bool | int | float = struct.unpack(
        (">" if scalar.dtype.big_endian else "<") + letter, source.at(0, source.length)
    )[0]
    return value


def _strings(made: Call, _: Record) -> NumpyDtype:
    """numpy 2's StringDType(coerce[, what stands for a missing one]): its elements come as a list, like objects."""
    if len(made.args) > 2 or not isinstance(made.args[0], int):
        raise ArgumentsError("a dtype of strings that is none")
    return NumpyDtype("T", "|", holds_objects=True)


def plain(scalar: NumpyScalar, otherwise: object) -> object:
    """The number, the text or the bytes that it is; `otherwise` when it is none of these."""
    kind = scalar.dtype.kind if scalar.dtype.plain else ""
    source = as_bytes(scalar.value, (0, 0)) if kind in ("S", "U") else None
    if source is None or source.length > _TEXT:
        found = number(scalar)
        return otherwise if found is None else found
    if kind == "S":
        return bytes(source.at(0, source.length)).rstrip(b"\0")
    return letters(source, scalar.dtype.big_endian)


def letters(source: Source, big_endian: bool) -> str:
    """A text of numpy's, four bytes a letter. No codec is imported late: here it couldn't be."""
    codes = struct.iter_unpack(">I" if big_endian else "<I", source.at(0, source.length // 4 * 4))
    return "".join(chr(code) for (code,) in codes if code <= sys.maxunicode).rstrip("\0")


NUMPY_OBJECTS: Table = {
    "numpy.dtype": constructed,
    "numpy._core._internal._convert_to_stringdtype_kwargs": _strings,
    "numpy.ma.core._mareconstruct": _mareconstruct,
    **{
        f"numpy.{core}.{name}": construct
        for core in ("core", "_core")
        for name, construct in (
            ("multiarray._reconstruct", _reconstruct),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _frombuffer),
        )
    },
}
