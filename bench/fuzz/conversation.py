"""A conversation with a jail as bytes: what was asked, the model, and all that the jail said. Replayed into the real
controller, which can't tell it from a jail."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from sandbox import controller
from sandbox.bundle import find
from sandbox.facts import Limit, Report
from sandbox.jail.interface import Jail, JailSpec, Progress, Readiness, RunningJail
from sandbox.order import limits_for
from sandbox.policy import Policy, load
from sandbox.release import Release
from sandbox.request import Request
from sandbox.stage import stage
from sandbox.weights.group import OutputGroup

_HEAD = struct.Struct(">BI")
_MOST_OUTPUT = 64 << 20  # bytes that a replayed plan may ask for: no input of the fuzzer's fills a disk
LOAD, RETURNED, SALVAGE, HANGS, DETONATED = 1, 2, 4, 8, 16  # flags; the last is for whoever records
_PIECES = (1 << 20, 4096, 61, 5)  # bytes that one reading gives, by the two highest flags
_READY = Readiness("replay", works=True, prepared=True)


@dataclass(frozen=True)
class Conversation:
    """Every bytes object is one."""

    flags: int
    model: bytes
    stream: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Conversation:
        flags, length = _HEAD.unpack(raw[: _HEAD.size].ljust(_HEAD.size, b"\0"))
        rest = raw[_HEAD.size :]
        return cls(flags, rest[:length] or b"\0", rest[length:])

    def pack(self) -> bytes:
        return _HEAD.pack(self.flags, len(self.model)) + self.model + self.stream


class _Replay(RunningJail):
    def __init__(self, conversation: Conversation) -> None:
        self._left = memoryview(conversation.stream)
        self._piece = _PIECES[conversation.flags >> 6]
        self._hangs = bool(conversation.flags & HANGS)

    def write(self, data: bytes) -> None:
        """It listens as little as a hostile one."""

    def read(self, timeout: float) -> bytes:  # noqa: ARG002 - as the interface has it
        if not self._left and self._hangs:
            raise TimeoutError
        piece, self._left = self._left[: self._piece], self._left[self._piece :]
        return bytes(piece)

    def stop(self) -> str:
        return ""

    def limits(self) -> tuple[Limit, ...]:
        return ()


class ReplayJail(Jail):
    """A member of the family that says again what another one said."""

    name = "replay"

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def readiness(self) -> Readiness:
        return _READY

    def prepare(self, progress: Progress, *, wheels: Path | None = None, offline: bool = False) -> None:
        """Nothing is needed."""

    def remove(self, progress: Progress) -> None:
        """Nothing was made."""

    def hardening(self, spec: JailSpec) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - likewise
        return ()

    def promises(self, spec: JailSpec) -> dict[str, int]:  # noqa: ARG002 - likewise
        """Nothing, so that nothing is refused at the first word."""
        return {}

    def start(self, spec: JailSpec) -> RunningJail:  # noqa: ARG002 - likewise
        return _Replay(self._conversation)


class _Run(controller._Run):
    """The real one, but for the jail's code, which a replay has no use for and which takes milliseconds to copy."""

    @contextmanager
    def _specification(self, hostname: str) -> Iterator[tuple[JailSpec, str, bool]]:
        gone = Path(os.devnull)
        yield JailSpec({"model": gone}, gone, hostname, 1, 1, self.limits, {}, (), ""), "0" * 64, False


@cache
def _policy() -> Policy:
    policy = load("evaluate", find().configs)
    return replace(policy, write=replace(policy.write, total_base=_MOST_OUTPUT))


def evaluate(conversation: Conversation, folder: Path) -> tuple[Report, Request]:
    """The report of that conversation; the model and what was released of it stand in `folder`."""
    path = folder / "model.pt"
    path.write_bytes(conversation.model)
    flags = conversation.flags
    request = Request(
        path,
        output=folder / "out.safetensors",
        static=not flags & LOAD,
        salvage=bool(flags & SALVAGE),
        allow_returned=bool(flags & RETURNED),
    )
    with ExitStack() as held:
        staged = held.enter_context(stage(path))
        group = held.enter_context(OutputGroup(folder))
        staged.start_digest()
        limits = limits_for(_policy(), staged, None)
        jail = ReplayJail(conversation)
        release = Release(group, folder / "out.safetensors", request.choices(), salvage=request.salvage)
        run = _Run(request, _policy(), find(), staged, jail, _READY, limits, release)
        return run.report(held, time.monotonic()), request
