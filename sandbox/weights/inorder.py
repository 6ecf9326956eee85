"""Tensor bytes that come in frames: which tensor is due, how much of it, and its digest."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from sandbox.errors import HostileError
from sandbox.facts import Label, Tensor

SENT = frozenset({Label.GATHERED, Label.DECODED})  # their bytes come through the wire


class InOrder:
    """Takes the bytes of some tensors strictly in the order given, each exactly as long as it should be.

    Also stands alone: `verify --replan` needs only the digests of what a fresh jail sends.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._due = iter(tensors)
        self._hasher = blake3()
        self._got = 0
        self.digests: dict[int, str] = {}
        self._current: Tensor | None = None
        self._next()

    def _next(self) -> None:
        """Make the next tensor that has bytes the current one; those without are complete as they are."""
        for tensor in self._due:
            if tensor.nbytes:
                self._current, self._got, self._hasher = tensor, 0, blake3()
                return
            self.digests[tensor.index] = blake3().hexdigest()
        self._current = None

    def data(self, untrusted_index: int, untrusted_chunk: bytes) -> tuple[Tensor, int]:
        """The tensor that these bytes belong to, and their place in it. Raises HostileError."""
        tensor = self._current
        if tensor is None or untrusted_index != tensor.index:
            due = "none" if tensor is None else str(tensor.index)
            raise HostileError(f"bytes of tensor {untrusted_index} came where those of {due} were due")
        at = self._got
        if not untrusted_chunk or at + len(untrusted_chunk) > tensor.nbytes:
            raise HostileError(f"tensor {tensor.index} got more bytes than its {tensor.nbytes}, or an empty piece")
        self._hasher.update(untrusted_chunk)
        self._got += len(untrusted_chunk)
        if self._got == tensor.nbytes:
            self.digests[tensor.index] = self._hasher.hexdigest()
            self._next()
        return tensor, at

    def finish(self) -> dict[int, str]:
        """Digests by plan index. Raises HostileError when bytes are missing."""
        if self._current is not None:
            raise HostileError(f"tensor {self._current.index} got {self._got} of its {self._current.nbytes} bytes")
        return self.digests
