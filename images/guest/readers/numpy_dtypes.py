"""numpy's element types, as its pickles and the headers of its files spell them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod

from guest.readers.dtypes import NUMPY, NUMPY_CODES, DType
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Call, Global, as_shape, as_text
from guest.readers.known import Record
from guest.readers.tensors import HUGE

MAX_FIELDS = 4096
_SPELLED = re.compile(r"([<>|=]?)([A-Za-z?])(\d{0,18})(\[[^\]]{1,64}\])?")
_WIDTHS = {"U": 4}  # bytes of what the number counts; 1 for all others
_OBJECT = 8  # bytes of a reference in memory; never in a file
_NAMED = {"record": "V", "void": "V", "object_": "O", "object": "O", "str_": "U", "bytes_": "S"}
_METADATA = 8  # place in the state of what a datetime's unit is part of


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a structured type."""

    name: str
    dtype: NumpyDtype
    offset: int


@dataclass(eq=False, slots=True)
class NumpyDtype:
    """An element type; `code` is its kind and size as numpy has them, `order` "<", ">", "=" or "|"."""

    code: str
    order: str = "="
    size: int = 0  # bytes
    fields: tuple[Field, ...] = ()
    base: NumpyDtype | None = None  # of a sub-array
    shape: tuple[int, ...] = ()  # of a sub-array
    unit: str = ""  # of times
    holds_objects: bool = False
    built: bool = field(default=False, repr=False)

    @property
    def kind(self) -> str:
        return self.code[:1]

    @property
    def plain(self) -> bool:
        """No fields, no sub-array."""
        return not self.fields and self.base is None

    @property
    def dtype(self) -> DType:
        known = NUMPY.get(self.code) if self.plain else None
        return known or DType("", 1, 1, f"numpy dtype {self.code[:32]}")

    @property
    def big_endian(self) -> bool:
        return self.order == ">"

    @property
    def text(self) -> str:
        """As numpy spells it, less its fields."""
        return f"{self.order}{self.code[:64]}{f'[{self.unit}]' if self.unit else ''}"

    def build(self, state: object, _: Record) -> None:
        """(version, order, sub-array, names, fields, size, alignment, flags[, metadata])."""
        if self.built or not isinstance(state, tuple) or len(state) < 5:
            raise ArgumentsError("a dtype's state that is none")
        self.built = True
        self.order = as_text(state[1]) or "="
        if len(state) > 5 and type(state[5]) is int and 0 <= state[5] <= HUGE:
            self.size = state[5]
        if state[2] is not None:
            self._divide(state[2])
        if state[3] is not None or state[4] is not None:
            self.take(_columns(state[3], state[4]))
        if len(state) > _METADATA:
            self.unit = _unit(state[_METADATA])

    def take(self, columns: tuple[Field, ...]) -> None:
        """Become a structured type. Raises ArgumentsError."""
        if len(columns) > MAX_FIELDS or len({column.name for column in columns}) < len(columns):
            raise ArgumentsError("a structured dtype with too many fields, or two of one name")
        if any(column.offset < 0 or column.offset + column.dtype.size > self.size for column in columns):
            raise ArgumentsError("a structured dtype with a field outside of it")
        self.fields = columns
        self.holds_objects = any(column.dtype.holds_objects for column in columns)

    def _divide(self, sub: object) -> None:
        if not isinstance(sub, tuple) or len(sub) != 2 or not isinstance(sub[0], NumpyDtype):
            raise ArgumentsError("a sub-array that is none")
        found = repeated(sub[0], sub[1])
        self.base, self.shape, self.size = found.base, found.shape, found.size
        self.holds_objects = found.holds_objects


def spelled(text: str) -> NumpyDtype:
    """From numpy's short spelling, such as "<f4", "|S5" or "<M8[ns]", or a name such as "float32"."""
    named = _NAMED.get(text) or NUMPY_CODES.get(text.lstrip("<>|="))
    order = text[:1] if text[:1] in ("<", ">", "|") else "="
    match = _SPELLED.fullmatch(named or text)
    if match is None:
        return NumpyDtype(text[:64], order)
    _, kind, digits, unit = match.groups()
    size = _OBJECT if kind == "O" else int(digits or 0) * _WIDTHS.get(kind, 1)
    code = "O" if kind == "O" else f"{kind}{digits}"
    return NumpyDtype(code, order, size, unit=(unit or "")[1:-1], holds_objects=kind == "O")


def repeated(base: NumpyDtype, shape: object) -> NumpyDtype:
    """A sub-array of so many elements of `base`. Raises ArgumentsError."""
    sizes = as_shape((shape,) if type(shape) is int else shape)
    if sizes is None or min(sizes, default=0) < 0 or base.size * prod(sizes) > HUGE:
        raise ArgumentsError("a sub-array without its shape")
    size = base.size * prod(sizes)
    return NumpyDtype(f"V{size}", "|", size, base=base, shape=sizes, holds_objects=base.holds_objects)


def constructed(made: Call, _: Record) -> NumpyDtype:
    """numpy.dtype(...)"""
    given = made.args[0] if made.args else None
    text = given.canonical.rpartition(".")[2] if isinstance(given, Global) else as_text(given)
    if text is None:
        raise ArgumentsError("a dtype of no name")
    return spelled(text)


def _columns(names: object, fields: object) -> tuple[Field, ...]:
    if not isinstance(names, tuple) or not isinstance(fields, dict) or len(names) > MAX_FIELDS:
        raise ArgumentsError("a structured dtype without its fields")
    columns = []
    for name in names:
        place = fields.get(name)
        text = as_text(name)
        if text is None or not isinstance(place, tuple) or len(place) < 2:
            raise ArgumentsError("a structured dtype without its fields")
        if not isinstance(place[0], NumpyDtype) or type(place[1]) is not int:
            raise ArgumentsError("a field without its dtype or offset")
        columns.append(Field(text, place[0], place[1]))
    return tuple(columns)


def _unit(metadata: object) -> str:
    """Of (metadata, (unit, number, ...))."""
    if not isinstance(metadata, tuple) or len(metadata) != 2 or not isinstance(metadata[1], tuple):
        return ""
    unit, number = [*metadata[1], None, None][:2]
    text = as_text(unit) or ""
    return f"{number}{text}"[:64] if type(number) is int and number != 1 else text[:64]
