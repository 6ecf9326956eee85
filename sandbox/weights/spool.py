"""Tensors that code in the jail made: they come after the plan, so they wait in a file until there is a writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sandbox import messages
from sandbox.errors import HostileError
from sandbox.facts import Label, Tensor
from sandbox.untrusted import wire
from sandbox.weights.group import write_all
from sandbox.weights.inorder import InOrder
from sandbox.weights.plan import Budget, Caps, check_name, check_size


class ReturnedSpool:
    """Takes RETURNED rows, each followed by its RETURNED_DATA, into `fd`: a nameless file of the caller's.

    What the plan asks for is spent from the same caps. The tensors' indices go on after the plan's.
    """

    def __init__(self, fd: int, caps: Caps, plan: Sequence[Tensor] = ()) -> None:
        self.fd = fd
        self._first = len(plan)
        self._budget = Budget.of(caps, plan)
        self._tensors: list[Tensor] = []
        self._current = InOrder(())
        self._end = 0

    def add(self, untrusted: wire.Returned) -> Tensor:
        """The next tensor; the one before must be whole. Raises HostileError."""
        self._current.finish()
        if untrusted.index != len(self._tensors):
            raise HostileError(f"returned tensor {untrusted.index} came where {len(self._tensors)} was due")
        name = check_name(untrusted.name)
        nbytes = check_size(name, untrusted.dtype, untrusted.shape)
        index = self._first + len(self._tensors)
        tensor = Tensor(
            index=index,
            name=name,
            dtype=untrusted.dtype,
            shape=untrusted.shape,
            strides=contiguous_strides(untrusted.shape),
            label=Label.RETURNED,
            record="",
            offset=self._end,
            length=nbytes,
            nbytes=nbytes,
            alias=-1,
        )
        self._budget.spend(tensor)
        self._tensors.append(tensor)
        self._current = InOrder([replace(tensor, index=untrusted.index)])
        self._end += nbytes
        return tensor

    def data(self, untrusted_index: int, untrusted_chunk: bytes) -> None:
        """Bytes of the tensor that was added last. Raises HostileError or HostError."""
        tensor, at = self._current.data(untrusted_index, untrusted_chunk)
        try:
            write_all(self.fd, untrusted_chunk, tensor.offset + at)
        except OSError as error:
            raise messages.error("output.spool", why=error.strerror) from None

    def finish(self) -> tuple[Tensor, ...]:
        """All of them; `offset` is into the spool. Raises HostileError when bytes are missing."""
        self._current.finish()
        return tuple(self._tensors)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major, in elements."""
    strides = []
    step = 1
    for dimension in reversed(shape):
        strides.append(step)
        step *= max(1, dimension)
    return tuple(reversed(strides))
