"""One conversation with a peer that says what each test wants: what the host makes of honest and of hostile guests."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from sandbox.errors import HostError
from sandbox.exchange import Exchange, Outcome
from sandbox.facts import Limit
from sandbox.jail.interface import RunningJail
from sandbox.stage import Staged, stage
from sandbox.untrusted import wire
from sandbox.untrusted.wire import Kind
from sandbox.weights.plan import Caps
from sandbox.weights.writer import WeightsWriter

CONTENT = bytes(range(256)) * 16
GONE = wire.Gone(0, 1.0, 0.5, 1 << 20, ())
HELLO = wire.Hello(1, "3.11.2", "Linux 6.1", 1000, True, 2, "0/0", ("lo",), {})
COPIED = wire.Tensor(0, "model.a", "U8", (8,), (1,), "copied", "data/0", 16, 8, -1)
GATHERED = wire.Tensor(1, "model.b", "U8", (4,), (2,), "gathered", "data/1", 32, 8, -1)
READ = wire.Ranges((0,), (64,))
END = wire.End({}, 0, 0, 0, True)


def read_end(**changed: Any) -> wire.ReadEnd:
    said = {"complete": True, "reason": "", "size": len(CONTENT), "nodes": 1, "frameworks": ()}
    return wire.ReadEnd(**({"sha256": hashlib.sha256(CONTENT[:64]).hexdigest()} | said | changed))


PLAN = [(Kind.HELLO, HELLO), (Kind.TENSOR, COPIED), (Kind.TENSOR, GATHERED), (Kind.PLAN_END, wire.PlanEnd(2, 12))]
DATA = wire.data(Kind.DATA, 1, b"wxyz")
READING = [*PLAN, DATA, (Kind.RANGES, READ), (Kind.READ_END, read_end()), (Kind.READER_GONE, GONE)]
LOADING = [(Kind.ARMED, wire.Armed("notify", 1, (), 0.5, {})), (Kind.LOADED, wire.Loaded(True, "", 0.1))]
OVER = [(Kind.LOADER_GONE, GONE), (Kind.END, END)]


class Peer(RunningJail):
    """Says its lines, one frame at each reading, then nothing more."""

    def __init__(self, lines: list[Any], *, hangs: bool = False) -> None:
        self._lines = [line if isinstance(line, bytes) else wire.encode(*line) for line in lines]
        self._hangs = hangs
        self.heard = b""

    def write(self, data: bytes) -> None:
        self.heard += data

    def read(self, timeout: float) -> bytes:
        if not self._lines and self._hangs:
            raise TimeoutError
        return self._lines.pop(0) if self._lines else b""

    def stop(self) -> str:
        return ""

    def limits(self) -> tuple[Limit, ...]:
        return ()


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Staged]:
    path = tmp_path / "model.pt"
    path.write_bytes(CONTENT)
    with stage(path) as opened:
        yield opened


def talk(
    staged: Staged,
    lines: list[Any],
    *,
    hangs: bool = False,
    returned: bool = False,
    promised: dict[str, int] | None = None,
    **caps: int,
) -> Outcome:
    def digests_only(plan: Any, sources: Any) -> WeightsWriter:
        return WeightsWriter(plan, sources, ())

    limits = Caps(**({"total_bytes": 1 << 20} | caps))
    with Exchange(staged, limits, digests_only, promised or {}, strip_prefix="model.", returned=returned) as exchange:
        exchange.run(Peer(lines, hangs=hangs), b"order", 1.0)
        return exchange.outcome("")


def wrong(outcome: Outcome) -> dict[str, str]:
    return {name: sentence for name, sentence in vars(outcome.host).items() if sentence}


def test_an_honest_guest(staged: Staged) -> None:
    outcome = talk(staged, [*READING, *LOADING, *OVER])
    assert wrong(outcome) == {}
    assert [tensor.name for tensor in outcome.plan] == ["a", "b"]
    assert outcome.digests is not None
    assert outcome.digests.tensors == (blake3(CONTENT[16:24]).hexdigest(), blake3(b"wxyz").hexdigest())
    assert outcome.session.dynamic(asked=True).ended
    assert list(outcome.marks) == ["planned", "read", "armed", "loaded", "ended"]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"tmpfs /tmp": 65, "rlimit CORE": 0}, "tmpfs /tmp is 65 instead of 64"),
        ({"tmpfs /tmp": 64}, "rlimit CORE is not to be seen instead of 0"),
    ],
)
def test_a_jail_without_a_limit_that_it_promised_is_refused(staged: Staged, seen: dict[str, int], why: str) -> None:
    hello = dataclasses.replace(HELLO, limits=seen)
    promised = {"tmpfs /tmp": 64, "rlimit CORE": 0}
    with pytest.raises(HostError, match=why):
        talk(staged, [(Kind.HELLO, hello), *READING[1:], *LOADING, *OVER], promised=promised)


def test_the_order_is_sent(staged: Staged) -> None:
    peer = Peer([])
    with Exchange(staged, Caps(1 << 20), None, {}, strip_prefix="", returned=False) as exchange:
        exchange.run(peer, b"order", 1.0)
    assert peer.heard == b"order"


def test_returned_tensors_join_the_plan_when_they_were_asked_for(staged: Staged) -> None:
    made = [(Kind.RETURNED, wire.Returned(0, "c", "U8", (2,))), wire.data(Kind.RETURNED_DATA, 0, b"ok")]
    outcome = talk(staged, [*READING, *LOADING, *made, *OVER], returned=True)
    assert wrong(outcome) == {}
    assert [(tensor.name, tensor.label.value) for tensor in outcome.plan][2:] == [("c", "returned")]
    assert outcome.digests is not None
    assert outcome.digests.tensors[1:] == (blake3(b"wxyz").hexdigest(), blake3(b"ok").hexdigest())


HOSTILE: dict[str, tuple[list[Any], str, str]] = {
    "garbage": ([(Kind.HELLO, HELLO), b"\xff" * 64], "wire", "a frame of 4294967295 bytes"),
    "a row that is none": ([(Kind.HELLO, HELLO), wire.frame(Kind.FORMAT, b"{}")], "wire", "FORMAT"),
    "a plan after the reader's death": ([*READING, (Kind.TENSOR, COPIED)], "wire", "TENSOR"),
    "bytes beyond the file": (
        [*PLAN[:1], (Kind.TENSOR, wire.Tensor(0, "a", "U8", (8,), (1,), "copied", "", 4090, 8, -1))],
        "plan",
        "beyond the end",
    ),
    "other totals": ([*PLAN[:3], (Kind.PLAN_END, wire.PlanEnd(2, 13))], "plan", "totals"),
    "bytes of no tensor": ([*PLAN, wire.data(Kind.DATA, 0, b"wxyz")], "plan", "came where"),
    "data without any": ([*PLAN, wire.data(Kind.DATA, 1, b"")], "wire", "without any"),
    "ranges outside the file": (
        [*PLAN, DATA, (Kind.RANGES, wire.Ranges((4090,), (8,))), *READING[-2:]],
        "ranges",
        "outside",
    ),
    "ranges of another file": (
        [*PLAN, DATA, (Kind.RANGES, wire.Ranges((0,), (8,), 1)), *READING[-2:]],
        "ranges",
        "of a file that there isn't",
    ),
    "ranges that overflow": (
        [*PLAN, DATA, (Kind.RANGES, wire.Ranges((wire.MAX_SIZE,), (1,))), *READING[-2:]],
        "ranges",
        "outside",
    ),
    "ranges without ends": (
        [*PLAN, DATA, (Kind.RANGES, wire.Ranges((0, 1), (1,))), *READING[-2:]],
        "ranges",
        "no ends",
    ),
    "ranges without number": (
        [*PLAN, DATA, (Kind.RANGES, wire.Ranges((0,) * 4096, (4096,) * 4096)), *READING[-2:]],
        "ranges",
        "far more",
    ),
    "another file's bytes": (
        [*PLAN, DATA, (Kind.READ_END, read_end()), (Kind.READER_GONE, GONE)],
        "ranges",
        "other bytes",
    ),
    "another file's size": (
        [*PLAN, DATA, (Kind.RANGES, READ), (Kind.READ_END, read_end(size=7)), (Kind.READER_GONE, GONE)],
        "ranges",
        "other bytes",
    ),
    "a returned tensor": (
        [*READING, *LOADING, (Kind.RETURNED, wire.Returned(0, "c", "U8", (2,)))],
        "wire",
        "nobody asked",
    ),
    "returned bytes": ([*READING, *LOADING, wire.data(Kind.RETURNED_DATA, 0, b"x")], "wire", "nobody asked"),
}


@pytest.mark.parametrize(("lines", "where", "what"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_guest_is_judged_and_never_raises(staged: Staged, lines: list[Any], where: str, what: str) -> None:
    said = wrong(talk(staged, lines))
    assert where in said
    assert what in said[where]


def test_metadata_that_is_none_is_a_refused_plan(staged: Staged) -> None:
    outcome = talk(staged, [*PLAN, wire.frame(Kind.META, b"{"), DATA, *READING[-3:], *LOADING, *OVER])
    assert "metadata" in wrong(outcome)["plan"]


def test_a_plan_over_the_cap_is_refused(staged: Staged) -> None:
    assert "more than 10 bytes of output" in wrong(talk(staged, READING, total_bytes=10))["plan"]


def test_missing_bytes_leave_no_digests(staged: Staged) -> None:
    outcome = talk(staged, [*PLAN, *READING[-3:], *LOADING, *OVER])
    assert outcome.digests is None
    assert "got 0 of its 4 bytes" in wrong(outcome)["plan"]


def test_a_guest_that_ends_early_has_said_nothing_more(staged: Staged) -> None:
    outcome = talk(staged, [*READING, *LOADING])
    assert wrong(outcome) == {}
    assert not outcome.session.dynamic(asked=True).ended


def test_a_guest_that_hangs_runs_out_of_time(staged: Staged) -> None:
    assert wrong(talk(staged, READING, hangs=True)) == {"timed_out": "it was not done after 1 s"}


def test_a_file_that_changes_meanwhile_is_noticed(staged: Staged) -> None:
    with staged.path.open("r+b") as file:
        file.write(b"x")
    assert "changed" in wrong(talk(staged, [*READING, *LOADING, *OVER]))["input_changed"]
