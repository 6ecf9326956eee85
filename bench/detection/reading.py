"""What `sandbox-load --static` says of a file, without a jail: the inert readers run in this process.

What they say goes through the real exchange, so that the host checks it as it checks a jail's words. Nothing of the
file is loaded or called.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO

from bench.measure import ROOT
from sandbox import rulebook
from sandbox.bundle import find
from sandbox.exchange import Exchange
from sandbox.facts import Comparison, Evidence, Input, Judgement, Limit, Verdict
from sandbox.jail.interface import RunningJail
from sandbox.judge import Rules, judge
from sandbox.order import total_cap
from sandbox.policy import Policy, load
from sandbox.stage import Staged, stage
from sandbox.weights.plan import Caps

sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]

import wire  # noqa: E402 - the path above comes first
from guest.readers.folder import FolderReading  # noqa: E402
from guest.readers.reading import Reading, Sink  # noqa: E402
from guest.readers.session import Bounds, Session  # noqa: E402
from guest.readers.source import File, Ledger  # noqa: E402

_PIECE = 1 << 20
_SECONDS = 600.0  # nothing here takes as long
_HELLO = wire.Hello(1, "3.11", "Linux", 1, True, 2, "0", ("lo",), {})
_GONE = wire.Gone(0, 0.0, 0.0, 0, ())
_END = wire.End({}, 0, 0, 0, False)


def read(path: Path) -> Judgement:
    """The judgement on a file or a folder that is only read. Raises CallerError where `sandbox-load` does."""
    policy = _policy()
    with ExitStack() as held:
        staged = held.enter_context(stage(path, policy.folder))
        exchange = held.enter_context(
            Exchange(staged, _caps(policy, staged), None, {}, strip_prefix="", returned=False)
        )
        exchange.run(_Said(held.enter_context(_frames(staged, policy))), b"", _SECONDS)
        outcome = exchange.outcome("")
        session = outcome.session
        given = Input(str(path), staged.size, "", folder=staged.is_folder, beyond=staged.beyond, skipped=staged.skipped)
        dynamic = session.dynamic(asked=False)
        return judge(Evidence(session.static(), dynamic, Comparison(), outcome.host, input=given), rules())


def spoiling(path: Path) -> frozenset[str]:
    """The rules whose findings keep the verdict from being a good one."""
    return frozenset(finding.rule for finding in read(path).findings if finding.verdict is not Verdict.CLEAN)


@cache
def rules() -> Rules:
    """The judge's own."""
    return rulebook.read(find()).rules


@cache
def _policy() -> Policy:
    return load("evaluate", find().configs)


def _caps(policy: Policy, staged: Staged) -> Caps:
    return Caps(
        total_bytes=total_cap(policy, staged),
        tensors=policy.read.tensors,
        header_bytes=policy.write.header_bytes,
        metadata_bytes=policy.read.metadata_bytes,
    )


@contextmanager
def _frames(staged: Staged, policy: Policy) -> Iterator[IO[bytes]]:
    """All that a jail would say which only reads."""
    bounds = Bounds.of(asdict(policy.read) | {"output_bytes": total_cap(policy, staged)})
    session, ledger = Session(bounds), Ledger()
    files = [
        File(file.fd, file.size, file.name if staged.is_folder else f"model{file.extension}", index, ledger)
        for index, file in enumerate(staged.files)
    ]
    with tempfile.TemporaryFile(buffering=0) as said:
        said.write(wire.encode(wire.Kind.HELLO, _HELLO))
        sink = Sink(said.fileno())
        if staged.is_folder:
            FolderReading(files, session, sink).run()
        else:
            Reading(files[0], staged.files[0].extension, session, sink).run()
        said.write(wire.encode(wire.Kind.READER_GONE, _GONE) + wire.encode(wire.Kind.END, _END))
        said.seek(0)
        yield said


class _Said(RunningJail):
    """What was said, as a jail says it."""

    def __init__(self, frames: IO[bytes]) -> None:
        self._frames = frames

    def write(self, data: bytes) -> None:
        """The order is carried out already."""

    def read(self, timeout: float) -> bytes:  # noqa: ARG002 - as the interface has it
        return self._frames.read(_PIECE)

    def stop(self) -> str:
        return ""

    def limits(self) -> tuple[Limit, ...]:
        return ()
