"""A plan that passes the check can be written and read back; one that can't is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import HostileError
from sandbox.facts import Label
from sandbox.untrusted import wire
from sandbox.weights import plan as plan_module
from sandbox.weights.dtypes import BITS
from sandbox.weights.plan import Caps, PlanCheck
from tests.weights.rows import CAPS, plan, row

SIZE = 1000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"index": 1}, "came where 0 was due"),
        ({"dtype": "F31"}, "dtype"),
        ({"dtype": "f32"}, "dtype"),
        ({"shape": (1 << 62, 4), "strides": (4, 1)}, "64 bits"),
        ({"shape": (1 << 62, 4, 0), "strides": (4, 1, 1), "length": 0}, "64 bits"),
        ({"dtype": "F4", "shape": (3,), "strides": (1,), "length": 1}, "whole bytes"),
        ({"length": 15}, "15 bytes to copy for 16"),
        ({"length": 17}, "17 bytes to copy for 16"),
        ({"strides": (1, 2)}, "contiguous"),
        ({"strides": (0, 0)}, "contiguous"),
        ({"strides": (2,)}, "differ in number"),
        ({"offset": SIZE - 15}, "beyond the end"),
        ({"offset": wire.MAX_SIZE}, "beyond the end"),
        ({"label": "gathered", "offset": SIZE, "length": 1}, "beyond the end"),
        ({"label": "returned"}, "can't label"),
        ({"label": ""}, "can't label"),
        ({"name": ""}, "0 characters"),
        ({"name": "x" * 4097}, "4097 characters"),
        ({"name": "a\0b"}, "can't hold"),
        ({"name": "a\udc80"}, "can't hold"),
        ({"name": "__metadata__"}, "keeps for itself"),
        ({"file": 1}, "the input has no file 1"),
    ],
)
def test_a_row_that_can_not_be_written_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(HostileError, match=says):
        PlanCheck((SIZE,), CAPS).add(row(**changes))


def test_a_row_is_held_against_the_file_that_it_names() -> None:
    sizes = (15, 16)
    assert PlanCheck(sizes, CAPS).add(row(file=1)).file == 1
    with pytest.raises(HostileError, match="beyond the end"):
        PlanCheck(sizes, CAPS).add(row(file=0))


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": SIZE - 16},
        {"name": "x" * 4096},
        {"name": "\u202e\x1b[31m"},
        {"shape": (), "strides": (), "length": 4},
        {"shape": (0, 3), "strides": (7, 9), "length": 0, "offset": SIZE},
        {"shape": (1, 4, 1), "strides": (99, 1, -5)},
        {"dtype": "F4", "shape": (2, 16), "strides": (16, 1)},
        {"label": "gathered", "strides": (1, 2)},
        {"label": "gathered", "strides": (0, 0), "length": 4},
        {"label": "decoded", "strides": (-2, -1), "length": 5},
    ],
)
def test_a_sound_row_passes_unchanged(changes: dict[str, object]) -> None:
    untrusted = row(**changes)
    tensor = PlanCheck((SIZE,), CAPS).add(untrusted)
    assert tensor.label is Label(untrusted.label)
    for field in ("index", "name", "dtype", "shape", "strides", "record", "offset", "length", "alias"):
        assert getattr(tensor, field) == getattr(untrusted, field)


def test_two_tensors_of_one_name_are_both_named_in_the_refusal() -> None:
    check = PlanCheck((SIZE,), CAPS)
    check.add(row(0, name="w"))
    with pytest.raises(HostileError, match="tensors 0 and 1 are both named 'w'"):
        check.add(row(1, name="w"))


def test_a_stripped_prefix_may_make_two_names_one() -> None:
    check = PlanCheck((SIZE,), CAPS, strip_prefix="model.")
    assert check.add(row(0, name="model.w")).name == "w"
    with pytest.raises(HostileError, match="tensors 0 and 1"):
        check.add(row(1, name="w"))


@pytest.mark.parametrize(
    ("caps", "says"),
    [
        (Caps(total_bytes=31), "31 bytes of output"),
        (Caps(total_bytes=1000, tensors=1), "1 tensors"),
        (Caps(total_bytes=1000, header_bytes=150), "150 bytes of header"),
    ],
)
def test_caps_stop_a_plan_at_the_row_that_is_too_much(caps: Caps, says: str) -> None:
    check = PlanCheck((SIZE,), caps)
    check.add(row(0))
    with pytest.raises(HostileError, match=says):
        check.add(row(1))


def test_an_expanded_tensor_under_many_names_is_stopped_early() -> None:
    """Facts B2.12: 4.3 MiB of input asked for 4 TiB of output."""
    size = 4 << 20
    check = PlanCheck((size,), Caps(total_bytes=4 * size + (1 << 30)))
    expanded = row(label="gathered", shape=(50_000_000,), strides=(0,))
    for index in range(5):
        check.add(replace(expanded, index=index, name=f"t{index}"))
    with pytest.raises(HostileError, match="bytes of output"):
        check.add(replace(expanded, index=5, name="t5"))


@pytest.mark.parametrize("end", [wire.PlanEnd(0, 16), wire.PlanEnd(2, 16), wire.PlanEnd(1, 15)])
def test_the_totals_must_be_those_of_the_rows(end: wire.PlanEnd) -> None:
    check = PlanCheck((SIZE,), CAPS)
    check.add(row())
    with pytest.raises(HostileError, match="totals"):
        check.finish(end)


def test_a_plan_may_be_empty() -> None:
    assert plan([], 0) == ()


SIZES = st.integers(0, wire.MAX_SIZE) | st.integers(0, 20)
ROWS = st.builds(
    wire.Tensor,
    index=st.just(0) | SIZES,
    name=st.text(st.characters(codec=None, exclude_categories=()), max_size=12) | st.just("__metadata__"),
    dtype=st.sampled_from([*BITS, "X"]),
    shape=st.lists(SIZES, max_size=4).map(tuple),
    strides=st.lists(st.integers(-wire.MAX_SIZE, wire.MAX_SIZE) | st.integers(0, 8), max_size=4).map(tuple),
    label=st.sampled_from([*(label.value for label in Label), "x"]),
    record=st.text(max_size=5),
    offset=SIZES,
    length=SIZES,
    alias=st.integers(-1, 5),
)


@given(st.lists(ROWS, max_size=4), st.integers(0, 1 << 40))
def test_only_hostile_errors_leave_the_check_and_what_passes_lies_in_the_file(
    rows: list[wire.Tensor], file_size: int
) -> None:
    check = PlanCheck((file_size,), CAPS)
    total = 0
    for untrusted in rows:
        try:
            tensor = check.add(untrusted)
        except HostileError:
            return
        total += tensor.nbytes
        assert tensor.offset + tensor.length <= file_size
        assert total <= CAPS.total_bytes


@pytest.mark.parametrize(
    "wide", [{"record": "x" * 4000 + "\U0001f600"}, {"shape": (1,) * 64, "strides": (999,) * 64, "length": 4}]
)
def test_what_a_plan_takes_of_memory_is_bounded(wide: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with one odd letter takes four bytes for each of its characters, and each number 36."""
    monkeypatch.setattr(plan_module, "_FEW", 10)
    caps = Caps(total_bytes=1 << 30, tensors=10)
    honest, hostile = PlanCheck((SIZE,), caps), PlanCheck((SIZE,), caps)
    for index in range(10):
        honest.add(row(index))
    with pytest.raises(HostileError, match="more than 20480 bytes of memory"):
        list(map(hostile.add, (row(index, **wide) for index in range(10))))
