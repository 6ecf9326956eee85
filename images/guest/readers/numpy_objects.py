"""numpy's constructors, as inert values."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

from guest.readers.dtypes import NUMPY, NUMPY_CODES, DType
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Bytes, Call, Global, as_bytes, as_shape, as_text
from guest.readers.known import Record, Table
from guest.readers.tensors import HUGE, Storage, TensorView, c_strides, f_strides, missing


@dataclass(eq=False, slots=True)
class NumpyDtype:
    """An element type as numpy spells it; `order` is "<", ">", "=" or "|"."""

    code: str
    order: str = "="
    plain: bool = True  # no fields, no sub-array
    built: bool = False

    @property
    def dtype(self) -> DType:
        known = NUMPY.get(self.code) if self.plain else None
        return known or DType("", 1, 1, f"numpy dtype {self.code[:32]}")

    @property
    def big_endian(self) -> bool:
        return self.order == ">"

    def build(self, state: object, _: Record) -> None:
        """(version, order, sub-array, names, fields, size, alignment, flags)."""
        if self.built or not isinstance(state, tuple) or len(state) < 5:
            raise ArgumentsError("a dtype's state that is none")
        self.built = True
        self.order = as_text(state[1]) or "="
        self.plain = state[2] is None and state[3] is None and state[4] is None


@dataclass(eq=False, slots=True)
class NumpyArray:
    """An array; its elements come with BUILD. Exactly one of `view` and `objects` is set then."""

    subtype: str
    view: TensorView | None = None
    objects: list[Any] | None = None
    shape: tuple[int, ...] = ()
    built: bool = False

    def build(self, state: object, record: Record) -> None:
        """([version,] shape, dtype, Fortran order, bytes or list of objects)."""
        if self.built or not isinstance(state, tuple) or len(state) not in (4, 5):
            raise ArgumentsError("an array's state that is none")
        shape, dtype, fortran, data = state[-4:]
        self.fill(as_shape(shape), dtype, bool(fortran), data, record)

    def fill(self, shape: tuple[int, ...] | None, dtype: object, fortran: bool, data: object, record: Record) -> None:
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
        kind = dtype.dtype
        if not kind.name:
            self.view = missing(f"{kind.what}: safetensors has no such dtype", kind)
            return
        if source.length != prod(shape) * kind.itemsize:
            raise ArgumentsError("an array whose bytes are not as many as its shape says")
        storage = Storage("", kind, source.length, record.where.record, source, dtype.big_endian)
        self.view = TensorView(storage, kind, 0, shape, f_strides(shape) if fortran else c_strides(shape))


@dataclass(eq=False, slots=True)
class NumpyScalar:
    """One number with its dtype; `value` is its bytes."""

    dtype: NumpyDtype
    value: object


def _dtype(made: Call, _: Record) -> NumpyDtype:
    spelled = made.args[0] if made.args else None
    text = spelled.canonical.removeprefix("numpy.") if isinstance(spelled, Global) else as_text(spelled)
    if text is None:
        raise ArgumentsError("a dtype of no name")
    order = text[0] if text[:1] in ("<", ">", "|", "=") and len(text) > 1 else "="
    code = text.lstrip("<>|=")
    return NumpyDtype(NUMPY_CODES.get(code, code), order)


def _reconstruct(made: Call, record: Record) -> NumpyArray:
    kind = made.args[0]
    if not isinstance(kind, Global):
        raise ArgumentsError("an array of no class")
    record.session.used(record.where, kind, "newobj", False, made.args[1:])
    array = NumpyArray(kind.name)
    shape = as_shape(made.args[1])
    code = as_text(made.args[2])
    if shape is not None and code is not None and 0 in shape:
        # Usually followed by BUILD; without one it stays the empty array it is now.
        dtype = NumpyDtype(NUMPY_CODES.get(code, code))
        empty = Storage("", dtype.dtype, 0, record.where.record)
        array.view = TensorView(empty, dtype.dtype, 0, shape, c_strides(shape))
    return array


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


NUMPY_OBJECTS: Table = {
    "numpy.dtype": _dtype,
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
