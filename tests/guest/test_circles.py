"""What a walk need not enter twice, and that it ends where there are more ways than objects."""

from __future__ import annotations

from typing import Any

from guest import circles
from guest.naming import Branch, Leaf, walk


def _look(node: Any) -> Leaf | Branch | None:
    if isinstance(node, dict):
        return Branch(list(node.items()))
    return Leaf(node) if isinstance(node, float) else None


def _inside(node: Any) -> list[Any] | bool:
    return list(node.values()) if isinstance(node, dict) else isinstance(node, float)


def _spend() -> None:
    """Anything is allowed."""


def _linked(count: int, **more: Any) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = [dict(more) for _ in range(count)]
    for at, node in enumerate(nodes):
        node |= {"before": nodes[at - 1], "after": nodes[(at + 1) % count], "half": nodes[at // 2]}
    return {str(at): node for at, node in enumerate(nodes)}


def test_what_leads_back_to_itself_is_told_from_what_is_shared() -> None:
    shared = {"w": 1.0}
    ring: dict[str, Any] = {"w": 2.0, "shared": shared}
    ring["far"] = {"back": ring}
    root = {"a": {"to": ring}, "b": shared, "c": {"text": "x"}}
    once = circles.survey(root, _inside, _spend)
    assert once.circular == {id(ring), id(ring["far"])}
    assert once.barren == {id(root["c"])}


def test_a_list_that_is_linked_both_ways_is_named_by_a_few_ways() -> None:
    names = [found.name for found in walk(_linked(300, w=1.0), _look, nodes=20_000, depth=1000)]
    assert 300 <= len(names) <= 1200


def test_a_longer_one_without_a_tensor_has_no_name_to_give() -> None:
    assert list(walk(_linked(3000, text="x"), _look, nodes=100_000, depth=1000)) == []


def test_what_is_shared_has_all_its_names() -> None:
    shared = {"w": 1.0}
    names = {found.name for found in walk({"a": shared, "b": {"c": shared}}, _look, nodes=100, depth=10)}
    assert names == {"a.w", "b.c.w"}
