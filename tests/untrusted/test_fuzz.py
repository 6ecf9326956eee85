"""The host's side of the wire under fire: a few seconds of `bench/fuzz`, every input that once broke something, and
properties. Hours of it: docs/fuzzing.md."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fuzz import corpus
from bench.fuzz.targets import TARGETS
from sandbox.errors import HostileError, ProtocolError
from sandbox.facts import Tensor
from sandbox.untrusted import wire
from sandbox.untrusted.session import ALLOWED, MOST, NEXT, Phase, Session
from sandbox.untrusted.wire import Kind
from sandbox.weights.dtypes import BITS
from sandbox.weights.header import layout
from sandbox.weights.plan import Caps, PlanCheck, is_contiguous

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5
SEED = os.environ.get("SANDBOX_LOAD_FUZZ_SEED", "ci")


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, whose memory is bounded."""
    command = [sys.executable, "-m", "bench.fuzz", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_every_input_of_the_corpus_is_taken(target: Any) -> None:
    """What once broke something stays in the corpus, so it can't break it again unseen."""
    inputs = corpus.read(target.corpus)
    assert inputs
    ended = fuzz("--target", target.name, "--inputs", str(len(inputs)), "--seed", SEED, "--seconds", "300")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[0])
    assert (told["inputs"], told["finds"]) == (len(inputs), [])


def test_nothing_breaks_in_a_few_seconds(tmp_path: Path) -> None:
    ended = fuzz("--seconds", str(SECONDS), "--seed", SEED, "--finds", str(tmp_path))
    assert ended.returncode == 0, f"the seed is {SEED}\n{ended.stdout}\n{ended.stderr}"


def test_the_fuzzer_finds_what_is_planted(tmp_path: Path) -> None:
    """A fuzzer that can't fail proves nothing: without neutralising, its first inputs are finds."""
    planted = "import bench.fuzz.targets, sandbox.report.text as page; page.neutral = lambda text, limit=0: text"
    command = f"{planted}; from bench.fuzz.__main__ import main; raise SystemExit(main())"
    words = ["--target", "conversation", "--inputs", "12", "--seed", SEED, "--finds", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-c", command, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert "shown text holds" in ended.stderr
    assert list(tmp_path.iterdir())


def text(limit: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(), max_size=min(limit, 40))


def fitting(spec: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Values that a field may hold, by its type and its own check."""
    texts, sizes = text(16), st.integers(0, wire.MAX_SIZE) | st.integers(0, 2)
    made: dict[str, st.SearchStrategy[Any]] = {
        "int": sizes | st.integers(-255, 255),
        "bool": st.booleans(),
        "float": st.floats(0, 1e8) | st.integers(0, 10),
        "str": texts,
        "tuple[int, ...]": st.lists(sizes, max_size=5).map(tuple),
        "tuple[float, ...]": st.lists(st.floats(0, 1e8), max_size=5).map(tuple),
        "tuple[str, ...]": st.lists(texts, max_size=5).map(tuple),
        "dict[str, int]": st.dictionaries(texts, sizes, max_size=5),
        "dict[str, str]": st.dictionaries(texts, texts, max_size=5),
    }
    check = spec.metadata["check"]
    return made[str(spec.type)].filter(lambda value: check(list(value) if isinstance(value, tuple) else value))


def rows_of(kind: Kind) -> st.SearchStrategy[Any]:
    row = wire.ROWS[kind]
    return st.builds(row, **{spec.name: fitting(spec) for spec in dataclasses.fields(row)})


@given(st.sampled_from(sorted(wire.ROWS)).flatmap(lambda kind: st.tuples(st.just(kind), rows_of(kind))))
def test_every_row_reads_back_as_it_was_written(known: tuple[Kind, Any]) -> None:
    kind, row = known
    ((read_kind, payload),) = wire.Decoder().feed(wire.encode(kind, row))
    assert (read_kind, wire.decode(kind, payload)) == (kind, row)


SAMPLES = {kind: rows_of(kind) for kind in wire.ROWS}


@given(st.lists(st.sampled_from(sorted(Kind)), max_size=25), st.data())
def test_any_frames_are_taken_as_the_phases_say_or_end_the_exchange(kinds: list[Kind], data: st.DataObject) -> None:
    session, phase = Session(), Phase.START
    for kind in kinds:
        raw = wire.frame(kind, b"raw!") if kind not in SAMPLES else wire.encode(kind, data.draw(SAMPLES[kind]))
        if kind in ALLOWED[phase]:
            assert [taken for taken, _ in session.feed(raw)] == [kind]
            phase = NEXT.get(kind, phase)
            assert session.phase is phase
        else:
            with pytest.raises(ProtocolError):
                list(session.feed(raw))
            return


FILE_SIZE = 4096
CAPS = Caps(total_bytes=1 << 16, tensors=6, header_bytes=2000)
NAMES = st.sampled_from(["a", "é\x1b[2J", "\u202e", "x" * 300, "__metadata__", "\ud800", "", "nul\0"])
SMALL = st.integers(0, 4)
HUGE = st.sampled_from([9, 1 << 31, 1 << 62, wire.MAX_SIZE])
TENSORS = st.builds(
    lambda name, dtype, shape, **rest: {"name": name, "dtype": dtype, "shape": tuple(shape)} | rest,
    st.text(min_size=1, max_size=8),
    st.sampled_from([*BITS]),
    st.lists(SMALL, max_size=4),
    label=st.sampled_from(["copied", "copied", "gathered", "decoded"]),
    offset=st.integers(0, FILE_SIZE // 2),
    honest=st.just(True),
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "dtype": st.sampled_from(["F33", "", "F4"]),
        "shape": st.lists(SMALL | HUGE, max_size=4).map(tuple),
        "label": st.sampled_from(["returned", ""]),
        "offset": HUGE | st.just(FILE_SIZE),
        "honest": st.just(False),
    },
)
CHANGED = st.builds(lambda told, changes: told | changes, TENSORS, CHANGES)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for dimension in reversed(shape):
        strides.append(min(step, wire.MAX_SIZE))
        step *= max(1, dimension)
    return tuple(reversed(strides))


def row_of(index: int, told: dict[str, Any]) -> wire.Tensor:
    """With the strides and the length that the shape asks for, where it is honest."""
    shape, honest = told["shape"], told["honest"]
    size = BITS.get(told["dtype"], 8)
    for dimension in shape:
        size *= dimension
    length = min(size // 8, wire.MAX_SIZE) if honest else 7
    strides = contiguous(shape) if honest else shape[1:]
    return wire.Tensor(
        index, told["name"], told["dtype"], shape, strides, told["label"], "", told["offset"], length, -1
    )


def accepted(rows: list[wire.Tensor]) -> tuple[Tensor, ...] | None:
    check = PlanCheck((FILE_SIZE,), CAPS)
    total = 0
    try:
        for row in rows:
            total += check.add(row).nbytes
        return check.finish(wire.PlanEnd(len(rows), total))
    except HostileError:
        return None


@given(st.lists(TENSORS | TENSORS | CHANGED, max_size=4))
def test_an_accepted_plan_is_all_that_the_writer_relies_on(told: list[dict[str, Any]]) -> None:
    plan = accepted([row_of(index, one) for index, one in enumerate(told)])
    if plan is None:
        return
    assert [tensor.index for tensor in plan] == list(range(len(plan)))
    assert len({tensor.name for tensor in plan}) == len(plan)
    for tensor in plan:
        elements = 1
        for dimension in tensor.shape:
            elements *= dimension
        assert tensor.nbytes * 8 == elements * BITS[tensor.dtype]
        assert 0 <= tensor.offset <= tensor.offset + tensor.length <= FILE_SIZE
        assert tensor.name.encode("utf-8")
        if tensor.label == "copied":
            assert tensor.length == tensor.nbytes
            assert is_contiguous(tensor.shape, tensor.strides)
    placed = layout(plan)
    assert placed.size == len(placed.header) + sum(tensor.nbytes for tensor in plan)
    assert sum(tensor.nbytes for tensor in plan) <= CAPS.total_bytes
    assert len(placed.header) <= CAPS.header_bytes + 64
    assert len(plan) <= CAPS.tensors
    ends = sorted((start, start + tensor.nbytes) for start, tensor in zip(placed.starts, plan, strict=True))
    assert [end for _, end in ends] == [*(start for start, _ in ends[1:]), placed.size][: len(ends)]


def test_the_corpus_holds_conversations_of_every_kind_of_frame_that_repeats() -> None:
    """Otherwise the mutations have nothing to start from."""
    streams = corpus.read("session").values()
    seen = {kind for raw in streams for kind, _ in wire.Decoder().feed(raw)}
    assert set(NEXT) - seen == set()
    assert set(MOST) - seen <= {Kind.HINT}
