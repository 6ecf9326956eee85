"""The weights files: headers first, then each tensor's bytes at its place, with digests on the way.

Copied tensors go in their own thread, from the staged descriptor, while the loader still imports its framework;
gathered and decoded ones as their frames arrive. A third thread follows the part of each file that is whole from its
start and takes the SHA-256 of what it reads back, so the digest is that of the bytes in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from threading import Lock, Thread
from types import TracebackType

from blake3 import blake3

from sandbox import messages
from sandbox.facts import Label, Tensor
from sandbox.weights.group import write_all
from sandbox.weights.header import layout
from sandbox.weights.inorder import SENT, InOrder
from sandbox.weights.watermark import Watermark

CHUNK = 1 << 20  # stays in a core's cache; larger ones cost page faults and memory, smaller ones calls
FLUSH = 128 << 20  # start the disk early, so that the commit's fsync finds little to do

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Target:
    """One file to fill: with which tensors of the plan, and what its header says beside them."""

    fd: int
    tensors: tuple[Tensor, ...]
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """A finished file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Digests:
    """Of finished files, in their order. `tensors` holds BLAKE3 in hexadecimal, in plan order."""

    files: tuple[Written, ...]
    tensors: tuple[str, ...]


def _no_progress(_done: int) -> None:
    pass


class _File:
    """A target in the making."""

    def __init__(self, target: Target) -> None:
        self.fd = target.fd
        self.layout = layout(target.tensors, target.metadata)
        self.tensors = tuple(target.tensors[place] for place in self.layout.order)  # as they lie in the file
        starts = [self.layout.starts[place] for place in self.layout.order]
        self.places = {tensor.index: (piece, starts[piece]) for piece, tensor in enumerate(self.tensors)}
        self.watermark = Watermark(len(self.layout.header), [tensor.nbytes for tensor in self.tensors])
        self.sha256 = ""

    @property
    def size(self) -> int:
        return self.layout.size


class WeightsWriter:
    """Fills the targets. A tensor of the plan that is in none of them is read all the same, for its digest.

    Use as a context manager: leaving it ends its threads, whatever happened.

    `sources` gives the descriptors for each label whose tensors are copied from files, by their `file`: the staged
    input for COPIED, the spool for RETURNED. `progress` gets the bytes that stand, from any thread.
    """

    def __init__(
        self,
        plan: Sequence[Tensor],
        sources: Mapping[Label, Sequence[int]],
        targets: Sequence[Target],
        progress: Progress = _no_progress,
    ) -> None:
        self._plan = plan
        self._sources = sources
        self._progress = progress
        self._files = tuple(map(_File, targets))
        self._file_of = {index: file for file in self._files for index in file.places}
        self._in_order = InOrder(tensor for tensor in plan if tensor.label in SENT)
        self._copied: dict[int, str] = {}
        self._counting = Lock()
        self._done = sum(len(file.layout.header) for file in self._files)
        self._error: BaseException | None = None
        self._ending = False
        jobs = [self._copy, *((self._hash, self._flush) if self._files else ())]
        self._threads = [Thread(target=self._guard, args=(job,), name=job.__name__, daemon=True) for job in jobs]

    @property
    def size(self) -> int:
        """Bytes of the finished files; known before the first is written."""
        return sum(file.size for file in self._files)

    def start(self) -> None:
        """Write the headers and start copying. Raises HostError."""
        for file in self._files:
            self._write(file, file.layout.header, 0)
        for thread in self._threads:
            thread.start()

    def data(self, untrusted_index: int, untrusted_chunk: bytes) -> None:
        """The next bytes of a gathered or decoded tensor. Raises HostileError or HostError."""
        tensor, at = self._in_order.data(untrusted_index, untrusted_chunk)
        self._place(tensor, untrusted_chunk, at)

    def finish(self) -> Digests:
        """Wait for the threads. Raises HostileError when bytes are missing, HostError when writing failed."""
        sent = self._in_order.finish()
        for thread in self._threads:
            thread.join()
        if self._error:
            raise self._error
        digests = self._copied | sent
        files = tuple(Written(file.size, file.sha256) for file in self._files)
        return Digests(files, tuple(digests[tensor.index] for tensor in self._plan))

    def close(self) -> None:
        """End the threads, finished or not."""
        self._end()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _end(self) -> None:
        self._ending = True
        for file in self._files:
            file.watermark.close()

    def __enter__(self) -> WeightsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self._error = self._error or messages.error("output.copy", why=error.strerror or error)
        except BaseException as error:  # `finish` raises it: a thread must not die unheard
            self._error = self._error or error
        else:
            return
        self._end()

    def _write(self, file: _File, chunk: bytes | memoryview, at: int) -> None:
        try:
            write_all(file.fd, chunk, at)
        except OSError as error:
            raise messages.error("output.failed", what="the output", why=error.strerror or error) from None

    def _place(self, tensor: Tensor, chunk: bytes | memoryview, at: int) -> None:
        """Bytes of a tensor, from `at` on, to where they belong, if that is anywhere."""
        file = self._file_of.get(tensor.index)
        if file:
            piece, start = file.places[tensor.index]
            self._write(file, chunk, start + at)
            file.watermark.advance(piece, len(chunk))
        with self._counting:
            self._done += len(chunk)
            done = self._done
        self._progress(done)

    def _copy(self) -> None:
        beside = (tensor for tensor in self._plan if tensor.index not in self._file_of)
        buffer = memoryview(bytearray(min(CHUNK, max((tensor.nbytes for tensor in self._plan), default=0))))
        for tensor in chain(*(file.tensors for file in self._files), beside):
            if tensor.label not in SENT and not self._ending:
                self._copied[tensor.index] = self._copy_one(tensor, self._sources[tensor.label][tensor.file], buffer)

    def _copy_one(self, tensor: Tensor, source_fd: int, buffer: memoryview) -> str:
        """The digest of the bytes, as they were read."""
        hasher = blake3()
        done = 0
        while done < tensor.nbytes and not self._ending:
            wanted = buffer[: min(len(buffer), tensor.nbytes - done)]
            count = os.preadv(source_fd, [wanted], tensor.offset + done)
            if not count:
                raise messages.error("input.shrank")
            hasher.update(wanted[:count])
            self._place(tensor, wanted[:count], done)
            done += count
        return hasher.hexdigest()

    def _hash(self) -> None:
        buffer = memoryview(bytearray(min(CHUNK, max(file.size for file in self._files))))
        for file in self._files:
            if not self._hash_one(file, buffer):
                return

    def _hash_one(self, file: _File, buffer: memoryview) -> bool:
        hasher = sha256()
        at = 0
        while at < file.size:
            wanted = min(len(buffer), file.size - at)
            if self._ending or file.watermark.wait(at + wanted) < at + wanted:
                return False
            count = os.preadv(file.fd, [buffer[:wanted]], at)
            if not count:
                raise messages.error("output.shrank")
            hasher.update(buffer[:count])
            at += count
        file.sha256 = hasher.hexdigest()
        return True

    def _flush(self) -> None:
        for file in self._files:
            at = 0
            while at < file.size:
                at = min(at + FLUSH, file.size)
                if self._ending or file.watermark.wait(at) < at:
                    return
                os.fdatasync(file.fd)
