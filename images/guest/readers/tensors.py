"""Tensors as they are declared: a storage, and a view of it by offset, shape and strides."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from operator import mul

from guest.readers.dtypes import DType
from guest.readers.source import Source

# Products of hostile sizes; past this nothing can be stored, and the wire has no number for it.
HUGE = 1 << 62


class Storage:
    """A run of elements. `source` is None until it is found, or when there is none (`why` says so)."""

    __slots__ = ("_source", "big_endian", "dtype", "key", "nbytes", "record", "root", "shift", "why")

    def __init__(
        self,
        key: str,
        dtype: DType,
        nbytes: int,
        record: str,
        source: Source | None = None,
        big_endian: bool = False,
        why: str = "",
    ) -> None:
        self.key = key
        self.dtype = dtype
        self.nbytes = nbytes
        self.record = record
        self._source = source
        self.big_endian = big_endian
        self.why = why
        self.root: Storage = self
        self.shift = 0  # bytes from the root's beginning

    @property
    def source(self) -> Source | None:
        """Where its bytes are, at least `nbytes` of them; None when that isn't known."""
        if self.root is self or self.root.source is None:
            return self._source
        return self.root.source.part(self.shift, self.nbytes)

    @source.setter
    def source(self, found: Source) -> None:
        self._source = found

    def view(self, key: str, shift: int, nbytes: int) -> Storage:
        """A storage inside this one, as old files have them. Raises ValueError when it reaches outside."""
        if shift < 0 or nbytes < 0 or shift + nbytes > self.nbytes:
            raise ValueError(key)
        part = Storage(key, self.dtype, nbytes, self.record, big_endian=self.big_endian, why=self.why)
        part.root = self.root
        part.shift = self.shift + shift
        return part


@dataclass(eq=False, slots=True)
class TensorView:
    """One tensor. Sizes and strides in elements. `why` says why it can't be in a safetensors file, "" if it can."""

    storage: Storage | None
    dtype: DType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    conj: bool = False
    neg: bool = False
    why: str = ""

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize

    def span(self) -> tuple[int, int] | None:
        """First byte and end of what the view touches of its storage; None when it reaches outside of it."""
        storage, shape, strides, offset = self.storage, self.shape, self.strides, self.offset
        if storage is None or len(shape) != len(strides):
            return None
        if min(shape, default=0) < 0 or min(strides, default=0) < 0 or offset < 0:
            return None
        if 0 in shape:
            return 0, 0
        itemsize = self.dtype.itemsize
        last = offset - sum(strides) + sum(map(mul, shape, strides))  # size - 1 steps of each stride
        end = (last + 1) * itemsize
        if prod(shape) > HUGE or end > storage.nbytes:
            return None
        return offset * itemsize, end

    @property
    def contiguous(self) -> bool:
        """In C order without gaps; strides of dimensions of size 1 don't matter."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size == 0:
                return True
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True


def missing(why: str, dtype: DType) -> TensorView:
    """A tensor that can't be in the output."""
    return TensorView(None, dtype, 0, (), (), why=why)


def c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a contiguous tensor in C order."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def f_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a contiguous tensor in Fortran order."""
    return tuple(reversed(c_strides(tuple(reversed(shape)))))
