"""Names, whatever the objects are: the walk sees them through `look` alone."""

from __future__ import annotations

from typing import Any

import pytest
from guest.naming import (
    Branch,
    Leaf,
    Members,
    Named,
    NamingError,
    attributes_branch,
    is_module,
    key_text,
    module_branch,
    walk,
)


class T:
    """A tensor's stand-in."""


class Thing:
    """An object with a state."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


def look(node: Any) -> Leaf | Branch | None:
    if isinstance(node, T):
        return Leaf(node)
    if isinstance(node, dict):
        return Branch(node.items())
    if isinstance(node, list | tuple):
        return Branch(enumerate(node))
    if isinstance(node, Thing):
        return module_branch(vars(node)) if is_module(vars(node)) else attributes_branch(vars(node))
    return None


def names(root: Any, **bounds: int) -> list[str]:
    found = walk(root, look, **{"nodes": 10_000, "depth": 100, **bounds})
    return [named.name if not named.left_out else f"-{named.name}" for named in found]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (T(), ["tensor"]),
        ({"a": {"b": T()}, "c": T()}, ["a.b", "c"]),
        ([T(), (T(), {"x": T()})], ["0", "1.0", "1.1.x"]),
        ({1: T(), "1": T()}, ["1", "1"]),
        ({"": T(), "a": {"": T()}}, ["%", "a."]),
        ({None: T(), True: T(), 0.5: T(), b"x": T(), ("a", 1): T()}, ["None", "True", "0.5", "x", "(a,1)"]),
        (Thing(w=T(), inner=Thing(v=T())), ["w", "inner.v"]),
        ({"n": 3, "s": "text"}, []),
        (3, []),
    ],
)
def test_names(root: Any, expected: list[str]) -> None:
    assert names(root) == expected


def test_a_module_has_the_names_of_its_state_dict() -> None:
    child = Thing(_parameters={"w": T()}, _buffers={}, _modules={})
    module = Thing(
        _parameters={"p": T(), "none": None},
        _buffers={"b": T(), "cache": T()},
        _modules={"child": child},
        _non_persistent_buffers_set={"cache"},
        extra=[T()],
    )
    assert names({"net": module}) == ["net.p", "net.b", "net.child.w", "-net.cache", "-net.extra.0"]


def test_shared_parts_are_named_by_every_way_and_cycles_end() -> None:
    shared = [T()]
    root: dict[str, Any] = {"a": shared, "b": shared}
    root["self"] = root
    shared.append(root)
    assert names(root) == ["a.0", "b.0"]


def test_the_same_tensor_under_two_names_is_one_object() -> None:
    tensor = T()
    assert list(walk([tensor, tensor], look, nodes=10, depth=2)) == [Named("0", tensor), Named("1", tensor)]


def test_bounds() -> None:
    with pytest.raises(NamingError, match="bound"):
        names([T()] * 100, nodes=50)
    deep: Any = T()
    for _ in range(200):
        deep = [deep]
    with pytest.raises(NamingError, match="deep"):
        names(deep)
    with pytest.raises(NamingError, match="4096"):
        names({"x" * 5000: T()})
    assert names({"x" * 5000: 3}) == []


def test_keys_of_any_kind_are_bounded() -> None:
    nested: Any = ()
    for _ in range(10_000):
        nested = (nested,)
    assert key_text(nested) == "((...))"
    assert len(key_text(1 << 100_000)) <= 256
    assert key_text(Thing()) == "<Thing>"


def test_keys_without_a_text_have_their_place() -> None:
    assert names({"a": {Thing(): T(), "x": T(), Thing(): {"step": T()}}}) == ["a.<0>", "a.x", "a.<2>.step"]


class Word(str):
    """A text of a class of its own."""


def test_what_a_key_of_a_subclass_is_called_only_its_class_knows() -> None:
    assert names({Word("w"): T(), int: T(), (1, Word("w")): T(), (1, ("x",)): T(), frozenset("a"): T()}) == [
        "<0>",
        "<1>",
        "<2>",
        "(1,(...))",
        "<4>",
    ]


def members(**held: Any) -> Members:
    return Members(held)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (members(weights={"w": T()}, vocabulary="text"), ["w"]),
        (members(weights={"w": T()}, optimizer={"w": T()}), ["weights.w", "optimizer.w"]),
        (members(outer=members(weights={"w": T()}, config=1), readme=None), ["w"]),
        (members(outer=members(a=T(), b=T()), readme=None), ["a", "b"]),
        (members(outer=members(a=T(), b=T()), c=T()), ["outer.a", "outer.b", "c"]),
        (members(readme=None), []),
        (members(weights=T()), ["tensor"]),
        (members(state=Thing(_parameters={}, _buffers={}, _modules={}, extra=T()), weights={"w": T()}), ["w"]),
    ],
)
def test_the_only_member_with_tensors_needs_no_name(root: Any, expected: list[str]) -> None:
    assert names(root) == expected


def test_all_members_together_take_the_bound() -> None:
    many = Members({str(number): [0] * 60 for number in range(3)})
    assert names(many, nodes=400) == []
    with pytest.raises(NamingError):
        names(many, nodes=120)
