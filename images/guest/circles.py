"""Which containers a walk need not enter by every way to them: round a circle there are more ways than objects.

Those are containers that lead back to themselves, as the nodes of a linked list do, and those that hold no tensor at
all. Anything else that is shared is entered by every way, since it has all those names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# A container's children, True for a tensor, False for anything else.
Inside = Callable[[Any], list[Any] | bool]


@dataclass(frozen=True)
class Once:
    """By identity. `barren`: those without a tensor. The objects are held, so that their identities stay their own."""

    circular: frozenset[int]
    barren: frozenset[int]
    held: dict[int, Any] = field(repr=False)


NOTHING = Once(frozenset(), frozenset(), {})


def survey(root: Any, inside: Inside, spend: Callable[[], None]) -> Once:
    """Of all below the root; each object is looked at once for each that holds it. `spend` may raise."""
    held: dict[int, Any] = {}
    edges: dict[int, list[int]] = {}
    fruitful: set[int] = set()
    first = inside(root)
    todo = [(root, first)] if isinstance(first, list) else []
    while todo:
        node, children = todo.pop()
        if id(node) in held:
            continue
        held[id(node)] = node
        targets = edges[id(node)] = []
        for child in children:
            spend()
            within: list[Any] | bool = [] if id(child) in held else inside(child)
            if isinstance(within, list):
                targets.append(id(child))
                todo.append((child, within))
            elif within:
                fruitful.add(id(node))
    return Once(frozenset(_circular(edges)), frozenset(edges.keys() - _leading_to(fruitful, edges)), held)


def _leading_to(goal: set[int], edges: dict[int, list[int]]) -> set[int]:
    back: dict[int, list[int]] = {}
    for source, targets in edges.items():
        for target in targets:
            back.setdefault(target, []).append(source)
    found, todo = set(goal), list(goal)
    while todo:
        for source in back.get(todo.pop(), ()):
            if source not in found:
                found.add(source)
                todo.append(source)
    return found


def _circular(edges: dict[int, list[int]]) -> set[int]:
    """The nodes from which a way leads back to them: Tarjan's strongly connected components of more than one."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    open_: list[int] = []
    is_open: set[int] = set()
    found: set[int] = set()
    for start in edges:
        todo = [] if start in order else [(start, 0)]
        while todo:
            node, at = todo.pop()
            if node not in order:
                order[node] = lowest[node] = len(order)
                open_.append(node)
                is_open.add(node)
            for place in range(at, len(edges[node])):
                target = edges[node][place]
                if target not in order:
                    todo += [(node, place), (target, 0)]  # comes back to the same place, when the target is done
                    break
                if target in is_open:
                    lowest[node] = min(lowest[node], lowest[target])
            else:
                if lowest[node] == order[node]:
                    component = _closed(open_, is_open, node)
                    found.update(component if len(component) > 1 else ())
    return found


def _closed(open_: list[int], is_open: set[int], node: int) -> list[int]:
    at = len(open_) - 1
    while open_[at] != node:
        at -= 1
    component = open_[at:]
    del open_[at:]
    is_open.difference_update(component)
    return component
