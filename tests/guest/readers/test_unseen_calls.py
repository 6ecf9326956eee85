"""Calls that no opcode makes: a state that holds functions in the place of methods, and what is done after a state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.detection.build.pickled import added, built, extended, made, stored
from tests.guest.readers.reading_results import Result
from tests.malicious.pickles import Opcodes, call, named, stream

Read = Callable[..., Result]

_RUN = named("pkg", "run")
_THING = made(named("pkg", "Thing"))


def _odd(read: Read, payload: Opcodes) -> set[str]:
    return {name for name in read(stream(payload, 4), ".pkl").oddities if name in ("pickle.shadow", "pickle.order")}


@pytest.mark.parametrize("name", ["append", "extend", "add", "__setstate__", "__array__", "setdefault", "close"])
@pytest.mark.parametrize("target", [_THING, call("collections", "OrderedDict")], ids=["object", "mapping"])
def test_a_function_in_a_methods_place_is_told(read: Read, name: str, target: Opcodes) -> None:
    assert _odd(read, built(target, {name: _RUN})) == {"pickle.shadow"}
    assert _odd(read, built(target, (None, {name: call("functools", "partial", _RUN)}))) == {"pickle.shadow"}


def test_other_attributes_and_plain_values_are_not(read: Read) -> None:
    assert _odd(read, built(_THING, {"activation": _RUN, "append": True, "add": "word", "close": 5})) == set()


@pytest.mark.parametrize(
    "later",
    [
        extended(built(_THING, {"a": 1}), "x"),
        added(built(_THING, {"a": 1}), "x"),
        stored(built(_THING, {"a": 1}), "x", 1),
        built(built(_THING, {"a": 1}), {"b": 2}),
        built(built(call("collections", "OrderedDict"), {"a": 1}), {"b": 2}),
    ],
    ids=["appends", "additems", "setitem", "build", "mapping"],
)
def test_what_is_done_to_an_object_after_its_state_is_told(read: Read, later: Opcodes) -> None:
    assert _odd(read, later) == {"pickle.order"}


def test_a_state_after_the_items_is_what_picklers_write(read: Read) -> None:
    assert _odd(read, built(stored(extended(_THING, "x"), "k", 1), {"a": 1})) == set()
    assert _odd(read, built(stored(call("collections", "OrderedDict"), "k", 1), {"a": 1})) == set()


def test_each_different_argument_of_newobj_is_told(read: Read) -> None:
    first, second = made(named("array", "array"), "b"), made(named("array", "array"), "b", _THING)
    rows = read(stream(Opcodes(first + b"0" + second), 4), ".pkl")["GLOBAL"]
    assert {row.arguments for row in rows if row.name == "array.array"} == {"('b',)", "('b', pkg.Thing())"}


def test_what_rebuilds_a_tensors_type_tells_each_of_its_arguments(read: Read) -> None:
    def rebuilt(*arguments: object) -> Opcodes:
        return call("torch._tensor", "_rebuild_from_type_v2", _RUN, named("torch", "Tensor"), arguments, {})

    rows = read(stream(Opcodes(rebuilt("a") + b"0" + rebuilt("a", "sh")), 4), ".pkl")["GLOBAL"]
    assert {row.arguments for row in rows if row.name == "pkg.run"} == {"('a',)", "('a', 'sh')"}


def test_a_long_text_of_escapes_keeps_its_quotes_and_the_next_argument_in_sight(read: Read) -> None:
    rows = read(stream(call("pkg", "f", "\u00e9" * 100, _THING), 4), ".pkl")["GLOBAL"]
    (shown,) = {row.arguments for row in rows if row.name == "pkg.f"}
    assert shown.endswith("', pkg.Thing())")
