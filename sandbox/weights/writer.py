"""The weights file: header first, then each tensor's bytes at its place, with digests on the way.

Copied tensors go in their own thread, from the staged descriptor, while the loader still imports its framework;
gathered and decoded ones as their frames arrive. A third thread follows the part of the file that is whole from its
start and takes the SHA-256 of what it reads back, so the digest is that of the bytes in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Thread
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
class Digests:
    """Of a finished weights file. `tensors` holds BLAKE3 in hexadecimal, in plan order."""

    size: int
    sha256: str
    tensors: tuple[str, ...]


def _no_progress(_done: int) -> None:
    pass


class WeightsWriter:
    """Fills `output_fd`; without one it only takes the digests of the tensors, and `Digests.sha256` stays empty.

    Use as a context manager: leaving it ends its threads, whatever happened.

    `sources` gives the descriptors for each label whose tensors are copied from files, by their `file`: the staged
    input for COPIED, the spool for RETURNED. `progress` gets the bytes that stand, from any thread.
    """

    def __init__(
        self,
        plan: Sequence[Tensor],
        sources: Mapping[Label, Sequence[int]],
        output_fd: int | None,
        progress: Progress = _no_progress,
    ) -> None:
        self._plan = plan
        self._sources = sources
        self._fd = output_fd
        self._progress = progress
        self._layout = layout(plan)
        self._place = {index: piece for piece, index in enumerate(self._layout.order)}
        self._watermark = Watermark(len(self._layout.header), [plan[index].nbytes for index in self._layout.order])
        self._in_order = InOrder(tensor for tensor in plan if tensor.label in SENT)
        self._copied: dict[int, str] = {}
        self._sha256 = ""
        self._error: BaseException | None = None
        self._ending = False
        jobs: list[tuple[Callable[..., None], tuple[int, ...]]] = [(self._copy, ())]
        if output_fd is not None:
            jobs += [(self._hash, (output_fd,)), (self._flush, (output_fd,))]
        self._threads = [Thread(target=self._guard, args=job, name=job[0].__name__, daemon=True) for job in jobs]

    @property
    def size(self) -> int:
        """Bytes of the finished file; known before the first is written."""
        return self._layout.size

    def start(self) -> None:
        """Write the header and start copying. Raises HostError."""
        self._write(self._layout.header, 0)
        for thread in self._threads:
            thread.start()

    def data(self, untrusted_index: int, untrusted_chunk: bytes) -> None:
        """The next bytes of a gathered or decoded tensor. Raises HostileError or HostError."""
        tensor, at = self._in_order.data(untrusted_index, untrusted_chunk)
        self._write(untrusted_chunk, self._layout.starts[tensor.index] + at)
        self._advance(tensor.index, len(untrusted_chunk))

    def finish(self) -> Digests:
        """Wait for the threads. Raises HostileError when bytes are missing, HostError when writing failed."""
        sent = self._in_order.finish()
        for thread in self._threads:
            thread.join()
        if self._error:
            raise self._error
        digests = self._copied | sent
        return Digests(self.size, self._sha256, tuple(digests[tensor.index] for tensor in self._plan))

    def close(self) -> None:
        """End the threads, finished or not."""
        self._ending = True
        self._watermark.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def __enter__(self) -> WeightsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _guard(self, work: Callable[..., None], arguments: tuple[int, ...]) -> None:
        try:
            work(*arguments)
        except OSError as error:
            self._error = self._error or messages.error("output.copy", why=error.strerror or error)
        except BaseException as error:  # `finish` raises it: a thread must not die unheard
            self._error = self._error or error
        else:
            return
        self._ending = True
        self._watermark.close()

    def _write(self, chunk: bytes | memoryview, at: int) -> None:
        if self._fd is None:
            return
        try:
            write_all(self._fd, chunk, at)
        except OSError as error:
            raise messages.error("output.failed", what="the output", why=error.strerror or error) from None

    def _advance(self, index: int, count: int) -> None:
        self._progress(self._watermark.advance(self._place[index], count))

    def _copy(self) -> None:
        buffer = memoryview(bytearray(min(CHUNK, self.size)))
        for index in self._layout.order:
            tensor = self._plan[index]
            if tensor.label not in SENT and not self._ending:
                self._copied[index] = self._copy_one(tensor, self._sources[tensor.label][tensor.file], buffer)

    def _copy_one(self, tensor: Tensor, source_fd: int, buffer: memoryview) -> str:
        """The digest of the bytes, as they were read."""
        hasher = blake3()
        start = self._layout.starts[tensor.index]
        done = 0
        while done < tensor.nbytes and not self._ending:
            wanted = buffer[: min(len(buffer), tensor.nbytes - done)]
            count = os.preadv(source_fd, [wanted], tensor.offset + done)
            if not count:
                raise messages.error("input.shrank")
            self._write(wanted[:count], start + done)
            hasher.update(wanted[:count])
            done += count
            self._advance(tensor.index, count)
        return hasher.hexdigest()

    def _hash(self, output_fd: int) -> None:
        hasher = sha256()
        buffer = memoryview(bytearray(min(CHUNK, self.size)))
        at = 0
        while at < self.size and not self._ending:
            wanted = min(len(buffer), self.size - at)
            if self._watermark.wait(at + wanted) < at + wanted:
                return
            count = os.preadv(output_fd, [buffer[:wanted]], at)
            if not count:
                raise messages.error("output.shrank")
            hasher.update(buffer[:count])
            at += count
        self._sha256 = hasher.hexdigest()

    def _flush(self, output_fd: int) -> None:
        at = 0
        while at < self.size and not self._ending:
            at = min(at + FLUSH, self.size)
            if self._watermark.wait(at) < at:
                return
            os.fdatasync(output_fd)
