"""One conversation with a jail: frames into the session, the plan into a writer, until it ends or its time is up."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import messages
from sandbox.errors import HostileError, ProtocolError
from sandbox.facts import HostFacts, Label, Tensor
from sandbox.inside import lacking
from sandbox.jail.interface import GRACE_SECONDS, RunningJail
from sandbox.stage import Staged
from sandbox.untrusted import wire
from sandbox.untrusted.session import Phase, Session
from sandbox.untrusted.wire import Kind
from sandbox.weights.metadata import MetadataCheck
from sandbox.weights.names import stripped
from sandbox.weights.plan import Caps, PlanCheck
from sandbox.weights.spool import ReturnedSpool
from sandbox.weights.writer import Digests, WeightsWriter

# Above the tensors' own bytes: rows, metadata, output. Whoever sends more is cut off.
_STREAM_BESIDES = 2 << 30
# Times that all readers together may read the input, beside what they gather: the host hashes each of their ranges.
_READ_AGAIN = 16

MakeWriter = Callable[[Sequence[Tensor], dict[Label, Sequence[int]]], WeightsWriter]


@dataclass(frozen=True)
class Outcome:
    """What one conversation left."""

    session: Session
    host: HostFacts
    plan: tuple[Tensor, ...]
    metadata: bytes
    digests: Digests | None
    marks: dict[str, float]  # seconds from the order to each step


class Exchange:
    """Runs one conversation. Use as a context manager: leaving it ends the writer's threads."""

    def __init__(
        self,
        staged: Staged,
        caps: Caps,
        make_writer: MakeWriter | None,
        promised: Mapping[str, int],
        *,
        strip_prefix: str,
        returned: bool,
    ) -> None:
        """`promised`: what PID 1 must find of the jail's limits, or nothing is evaluated."""
        self._staged, self._caps, self._make_writer = staged, caps, make_writer
        self._promised = promised
        self._session = Session()
        self._strip_prefix = strip_prefix
        self._check = PlanCheck([file.size for file in staged.files], caps, strip_prefix=strip_prefix)
        self._metadata = MetadataCheck(caps.metadata_bytes)
        self._writer: WeightsWriter | None = None
        self._plan: tuple[Tensor, ...] = ()
        self._wrong = {"wire": "", "plan": "", "ranges": "", "timed_out": ""}
        self._marks: dict[str, float] = {}
        self._started = time.monotonic()
        self._returned = _Returned(caps) if returned else None
        self._handlers: dict[Kind, Callable[[Any], None]] = {
            Kind.HELLO: self._hello,
            Kind.TENSOR: self._check.add,  # type: ignore[dict-item]
            Kind.PLAN_END: self._plan_end,
            Kind.DATA: self._data,
            Kind.META: self._metadata.add,
            Kind.READER_GONE: self._reader_gone,
            Kind.ARMED: lambda _: self._mark("armed"),
            Kind.LOADED: lambda _: self._mark("loaded"),
            Kind.RETURNED: self._returned_row,
            Kind.RETURNED_DATA: self._returned_data,
        }

    def run(self, jail: RunningJail, order: bytes, wall: float) -> None:
        """Until the last frame, the end of the stream, the first broken rule, or the time.

        Raises HostError when the jail lacks a limit that it promised: nothing has been read then.
        """
        self._started = time.monotonic()
        jail.write(order)
        deadline = self._started + wall + GRACE_SECONDS
        left = self._caps.total_bytes + _STREAM_BESIDES
        try:
            while self._session.phase != Phase.ENDED:
                untrusted_bytes = jail.read(max(0.0, deadline - time.monotonic()))
                left -= len(untrusted_bytes)
                if left < 0:
                    raise ProtocolError("the jail sent more than its plan could need")
                if not untrusted_bytes:
                    return
                for kind, row in self._session.feed(untrusted_bytes):
                    self._handlers.get(kind, _ignore)(row)
        except TimeoutError:
            self._wrong["timed_out"] = f"it was not done after {wall:.0f} s"
        except ProtocolError as error:
            self._wrong["wire"] = error.happened
        except HostileError as error:
            self._wrong["plan"] = error.happened

    def outcome(self, jail_ended: str) -> Outcome:
        """All of it, once the jail is gone. `jail_ended`: why it had ended by itself."""
        self._mark("ended")
        metadata = b""
        try:
            metadata = self._metadata.finish()
        except HostileError as error:
            self._wrong["plan"] = self._wrong["plan"] or error.happened
        digests = self._finish_writer()
        host = HostFacts(input_changed=self._staged.changed(), jail=jail_ended, **self._wrong)
        return Outcome(self._session, host, self._plan, metadata, digests, self._marks)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.close()
        if self._returned:
            self._returned.close()

    def _mark(self, step: str) -> None:
        self._marks[step] = round(time.monotonic() - self._started, 4)

    def _hello(self, row: wire.Hello) -> None:
        why = lacking(self._promised, row.limits)
        if why:
            raise messages.error("jail.lacking", why=why)

    def _plan_end(self, row: wire.PlanEnd) -> None:
        self._plan = self._check.finish(row)
        self._mark("planned")
        if self._make_writer and not self._returned:
            self._start_writer({})

    def _start_writer(self, beside: dict[Label, Sequence[int]]) -> None:
        assert self._make_writer is not None
        copied = [file.fd for file in self._staged.files]
        self._writer = self._make_writer(self._plan, {Label.COPIED: copied, **beside})
        self._writer.start()

    def _data(self, untrusted_payload: bytes) -> None:
        index, chunk = _split(untrusted_payload)
        if self._writer:
            self._writer.data(index, chunk)
        elif self._returned:
            self._returned.keep(index, chunk)

    def _reader_gone(self, _row: wire.Gone) -> None:
        """Before anything is loaded: did the jail read the files that these descriptors hold?"""
        self._mark("read")
        end = self._session.read_end
        if end is None:
            return
        if (
            sum(sum(ranges.lengths) for ranges in self._session.ranges)
            > self._caps.total_bytes + _READ_AGAIN * self._staged.size
        ):
            self._wrong["ranges"] = "the jail says that it read far more than the file holds"
            return
        digest = hashlib.sha256()
        try:
            for ranges in self._session.ranges:
                self._staged.range_digest(ranges.file, ranges.offsets, ranges.lengths, digest)
        except HostileError as error:
            self._wrong["ranges"] = error.happened
            return
        if end.complete and (digest.hexdigest() != end.sha256 or end.size != self._staged.size):
            self._wrong["ranges"] = "the jail read other bytes than the host's descriptor holds"

    def _returned_row(self, row: wire.Returned) -> None:
        if self._returned is None:
            raise ProtocolError("the jail broke the protocol: a returned tensor that nobody asked for")
        self._returned.spool(self._plan).add(replace(row, name=stripped(row.name, self._strip_prefix)))

    def _returned_data(self, untrusted_payload: bytes) -> None:
        if self._returned is None:
            raise ProtocolError("the jail broke the protocol: returned bytes that nobody asked for")
        self._returned.spool(self._plan).data(*_split(untrusted_payload))

    def _finish_writer(self) -> Digests | None:
        """The digests, when every tensor of the plan is whole."""
        try:
            if self._returned and self._make_writer:
                spool = self._returned.spool(self._plan)
                self._plan += spool.finish()
                self._start_writer({Label.RETURNED: [spool.fd]})
                self._returned.replay(self._writer)
            return self._writer.finish() if self._writer else None
        except HostileError as error:
            self._wrong["plan"] = self._wrong["plan"] or error.happened
            return None


class _Returned:
    """What must wait until the load is over, since only then the plan is whole: two nameless files."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._held = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._made = tempfile.TemporaryFile()  # noqa: SIM115 - likewise
        self._spool: ReturnedSpool | None = None
        self._bytes = 0

    def keep(self, index: int, chunk: bytes) -> None:
        """Bytes of the plan's own tensors, for `replay`."""
        self._bytes += len(chunk)
        if self._bytes > self._caps.total_bytes:
            raise HostileError("the jail sent more bytes than its plan holds")
        try:
            self._held.write(wire.HEADER.pack(0, len(chunk)) + wire.DATA_HEAD.pack(index) + chunk)
        except OSError as error:
            raise messages.error("output.spool", why=error.strerror) from None

    def replay(self, writer: WeightsWriter | None) -> None:
        self._held.seek(0)
        while writer and (head := self._held.read(wire.HEADER.size)):
            length = wire.HEADER.unpack(head)[1]
            (index,) = wire.DATA_HEAD.unpack(self._held.read(wire.DATA_HEAD.size))
            writer.data(index, self._held.read(length))

    def spool(self, plan: Sequence[Tensor]) -> ReturnedSpool:
        if self._spool is None:
            self._spool = ReturnedSpool(self._made.fileno(), self._caps, plan)
        return self._spool

    def close(self) -> None:
        self._held.close()
        self._made.close()


def _split(untrusted_payload: bytes) -> tuple[int, bytes]:
    if len(untrusted_payload) <= wire.DATA_HEAD.size:
        raise ProtocolError("the jail broke the protocol: tensor bytes without any")
    (index,) = wire.DATA_HEAD.unpack_from(untrusted_payload)
    return index, untrusted_payload[wire.DATA_HEAD.size :]


def _ignore(_row: object) -> None:
    """The session keeps it."""
