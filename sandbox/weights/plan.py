"""The reader's plan, checked: what leaves here may be written without looking again.

The rows come from the jail, so each one is hostile until `PlanCheck` returns it as a `facts.Tensor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from sys import getsizeof

from sandbox.errors import HostileError
from sandbox.facts import Label, Tensor
from sandbox.untrusted import wire
from sandbox.weights.dtypes import size_of
from sandbox.weights.header import LIBRARY_MAX_HEADER, MAX_DIGITS, METADATA_KEY, entry_size
from sandbox.weights.names import original, stripped

READER_LABELS = {label.value: label for label in (Label.COPIED, Label.GATHERED, Label.DECODED)}

MAX_MANIFEST = 1 << 29  # bytes, of what `verify` takes into memory; a million ordinary tensors take about 350 MB
MEMORY_PER_TENSOR = 2048  # bytes that a tensor of the plan may take of the host, on average over as many as may be
_FEW = 10_000  # a plan of fewer tensors is small whatever they are called
_MEMORY_FIXED = 500  # the objects of a row, besides its texts and its numbers
_MEMORY_NUMBER = 36  # one that isn't small, and the place it is kept in
_ROW_FIXED = 250  # keys, label, dtype and digest
_ESCAPED_FIXED = 40  # keys of the row that tells an original name
_ROW_NUMBERS = 4  # file, offset, length, alias


@dataclass(frozen=True)
class Caps:
    """What a plan may ask for. Tied and expanded tensors let 4 MB of input name terabytes of output."""

    total_bytes: int
    tensors: int = 1_000_000
    header_bytes: int = LIBRARY_MAX_HEADER
    metadata_bytes: int = 64 << 20


def show(untrusted_name: str) -> str:
    """A name for a sentence: ASCII, short."""
    return ascii(untrusted_name if len(untrusted_name) <= 80 else untrusted_name[:77] + "...")


def check_name(untrusted_name: str) -> str:
    """A name that every reader of safetensors can read back. Raises HostileError."""
    if not 1 <= len(untrusted_name) <= wire.MAX_NAME:
        raise HostileError(f"a tensor's name has {len(untrusted_name)} characters")
    if untrusted_name == METADATA_KEY:
        raise HostileError(f"a tensor is named {METADATA_KEY}, which safetensors keeps for itself")
    if "\0" in untrusted_name or any("\ud800" <= letter <= "\udfff" for letter in untrusted_name):
        raise HostileError(f"the name {show(untrusted_name)} has characters that safetensors can't hold")
    return untrusted_name


def check_size(name: str, untrusted_dtype: str, untrusted_shape: tuple[int, ...]) -> int:
    """The bytes of a tensor whose dtype and shape are sound. Raises HostileError."""
    try:
        return size_of(untrusted_dtype, untrusted_shape)
    except ValueError as error:
        raise HostileError(f"tensor {show(name)}: {error}") from None


def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Row-major without gaps. The stride of a dimension of one, or of an empty tensor, says nothing."""
    if 0 in shape:
        return True
    expected = 1
    for dimension, stride in zip(reversed(shape), reversed(strides), strict=True):
        if dimension != 1:
            if stride != expected:
                return False
            expected *= dimension
    return True


def _check_range(name: str, untrusted: wire.Tensor, label: Label, nbytes: int, file_size: int) -> None:
    if len(untrusted.strides) != len(untrusted.shape):
        raise HostileError(f"tensor {show(name)}: its strides and its shape differ in number")
    if untrusted.offset + untrusted.length > file_size:
        raise HostileError(f"tensor {show(name)}: its bytes lie beyond the end of the file")
    if label is not Label.COPIED:
        return
    if untrusted.length != nbytes:
        raise HostileError(f"tensor {show(name)}: {untrusted.length} bytes to copy for {nbytes} bytes of output")
    if not is_contiguous(untrusted.shape, untrusted.strides):
        raise HostileError(f"tensor {show(name)}: it is to be copied, and its strides are not contiguous")


def check_tensor(untrusted: wire.Tensor, sizes: Sequence[int], name: str | None = None) -> Tensor:
    """One row, by itself. `sizes`: of the input's files; `name` stands in for the row's own. Raises HostileError."""
    checked_name = check_name(untrusted.name if name is None else name)
    label = READER_LABELS.get(untrusted.label)
    if label is None:
        raise HostileError(f"tensor {show(checked_name)}: a reader can't label it {show(untrusted.label)}")
    nbytes = check_size(checked_name, untrusted.dtype, untrusted.shape)
    if untrusted.file >= len(sizes):
        raise HostileError(f"tensor {show(checked_name)}: the input has no file {untrusted.file}")
    _check_range(checked_name, untrusted, label, nbytes, sizes[untrusted.file])
    return Tensor(
        index=untrusted.index,
        name=checked_name,
        dtype=untrusted.dtype,
        shape=untrusted.shape,
        strides=untrusted.strides,
        label=label,
        record=untrusted.record,
        offset=untrusted.offset,
        length=untrusted.length,
        nbytes=nbytes,
        alias=untrusted.alias,
        file=untrusted.file,
        twin=untrusted.twin,
        escaped=untrusted.escaped,
    )


def manifest_row_size(tensor: Tensor) -> int:
    """The most bytes that a tensor can take of the manifest; a test holds it against the real rows."""
    sizes = (len(tensor.shape) + len(tensor.strides) + _ROW_NUMBERS) * MAX_DIGITS
    name = len(json.dumps(tensor.name))
    original_too = _ESCAPED_FIXED + 3 * name if tensor.escaped else 0  # a NUL takes twice as much of JSON as escaped
    return _ROW_FIXED + sizes + name + original_too + len(json.dumps(tensor.record))


def memory_size(tensor: Tensor) -> int:
    """Bytes that a tensor takes of the host's memory, about: one odd letter makes a whole text four times as large."""
    numbers = len(tensor.shape) + len(tensor.strides)
    return _MEMORY_FIXED + _MEMORY_NUMBER * numbers + getsizeof(tensor.name) + getsizeof(tensor.record)


class Budget:
    """What is spent so far of the caps, and which names are taken. Raises HostileError before one is overspent."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._names: dict[str, int] = {}
        self.total_bytes = 0
        self._header_bytes = 0
        self._manifest_bytes = 0
        self._memory = 0

    @classmethod
    def of(cls, caps: Caps, tensors: Iterable[Tensor]) -> Budget:
        """A budget from which these are spent already."""
        budget = cls(caps)
        for tensor in tensors:
            budget.spend(tensor)
        return budget

    def spend(self, tensor: Tensor) -> None:
        first = self._names.setdefault(tensor.name, tensor.index)
        if first != tensor.index:
            raise HostileError(f"tensors {first} and {tensor.index} are both named {show(tensor.name)}")
        self.total_bytes += tensor.nbytes
        self._header_bytes += entry_size(tensor.name, tensor.dtype, tensor.shape)
        self._manifest_bytes += manifest_row_size(tensor)
        self._memory += memory_size(tensor)
        asked = (
            ("tensors", len(self._names), self._caps.tensors),
            ("bytes of output", self.total_bytes, self._caps.total_bytes),
            ("bytes of header", self._header_bytes, min(self._caps.header_bytes, LIBRARY_MAX_HEADER)),
            ("bytes of manifest", self._manifest_bytes, MAX_MANIFEST),
            ("bytes of memory", self._memory, MEMORY_PER_TENSOR * max(self._caps.tensors, _FEW)),
        )
        for what, amount, most in asked:
            if amount > most:
                raise HostileError(f"the file asks for more than {most} {what}")


def _check_twin(tensor: Tensor, before: Sequence[Tensor]) -> None:
    """The very same tensor has another's place and form in all that the host can see."""
    if tensor.twin >= len(before) or before[tensor.twin].twin >= 0 or tensor.alias < 0:
        raise HostileError(f"tensor {show(tensor.name)} is said to be one that it can't be")
    first = before[tensor.twin]
    if replace(tensor, index=0, name="", escaped=False, twin=-1) != replace(first, index=0, name="", escaped=False):
        raise HostileError(f"tensor {show(tensor.name)} is said to be one that it differs from")


class PlanCheck:
    """Takes the reader's rows one by one; its `finish` gives the plan that the writer trusts."""

    def __init__(self, sizes: Sequence[int], caps: Caps, *, strip_prefix: str = "") -> None:
        """`sizes`: of the input's files."""
        self._sizes = sizes
        self._budget = Budget(caps)
        self._strip_prefix = strip_prefix
        self._tensors: list[Tensor] = []

    def add(self, untrusted: wire.Tensor) -> Tensor:
        """The next tensor. Raises HostileError with a sentence."""
        if untrusted.index != len(self._tensors):
            raise HostileError(f"tensor {untrusted.index} came where {len(self._tensors)} was due")
        tensor = check_tensor(untrusted, self._sizes, stripped(untrusted.name, self._strip_prefix))
        if tensor.escaped:
            original(tensor.name)
        if tensor.twin >= 0:
            _check_twin(tensor, self._tensors)
        self._budget.spend(tensor)
        self._tensors.append(tensor)
        return tensor

    def finish(self, untrusted: wire.PlanEnd) -> tuple[Tensor, ...]:
        """The whole plan. Raises HostileError when the reader counted otherwise."""
        if untrusted.tensors != len(self._tensors) or untrusted.nbytes != self._budget.total_bytes:
            raise HostileError("the reader's totals are not those of its tensors")
        return tuple(self._tensors)
