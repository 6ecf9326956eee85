"""How tensors get their names. One walk, for the readers' inert objects and for the loader's real ones.

A dictionary's path is joined by dots; positions in lists and tuples are numbers; a module's tensors have their
state_dict names; other objects are walked by attribute. A tensor at the root is called "tensor". A name that
safetensors can't hold is escaped. The rule for users is docs/naming.md.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from guest import circles

ROOT_NAME = "tensor"
MAX_NAME = 4096  # the wire's bound
_MOST_SURVEYED = 200_000  # objects
_WAYS = 4  # to what leads back to itself, that are followed
RESERVED = "__metadata__"  # safetensors keeps it for itself
_TROUBLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile("[%\0\ud800-\udfff]")
KEY_TEXT = 256  # of a key that is neither text nor number
TUPLE_PARTS = 16  # of a tuple that is a key

# What a torch module keeps in its __dict__; its state_dict is made of the first three.
MODULE_PARTS = ("_parameters", "_buffers", "_modules")
NON_PERSISTENT = "_non_persistent_buffers_set"

NOT_PERSISTENT_REASON = "a buffer that is not part of the module's state_dict"
ATTRIBUTE_REASON = "an attribute of a module that is not part of its state_dict"


class Members(dict[str, Any]):
    """What the files of an archive or a folder hold, by their paths in it."""


class Shards(list[Any]):
    """What the files of one set hold: named as one."""


class NamingError(Exception):
    """The walk can't go on within its bounds. Carries a sentence."""


@dataclass(frozen=True)
class Leaf:
    """A tensor."""

    value: Any


@dataclass(frozen=True)
class Branch:
    """What a container holds: named children, and children whose tensors are not converted, with the reason."""

    children: Iterable[tuple[Any, Any]] = ()
    left_out: Iterable[tuple[Any, Any, str]] = ()


@dataclass(frozen=True)
class Named:
    """A tensor under its name. `left_out` says why it isn't converted, "" when it is; `path`: the name's parts;
    `original`: what was escaped to make the name, None when nothing was; `sharded`: whether it is of a set of files."""

    name: str
    value: Any
    left_out: str = ""
    path: tuple[str, ...] = field(default=(), compare=False)
    original: str | None = None
    sharded: bool = field(default=False, compare=False)


Look = Callable[[Any], Leaf | Branch | None]


@dataclass
class _Step:
    """A container on the present path."""

    identity: int
    key: Any
    prefix: str | None
    rest: Iterator[tuple[Any, Any, str]]
    sharded: bool
    node: Any = field(repr=False)  # held, so that its identity stays its own


@dataclass
class _Budget:
    """What all walks over one root may take together."""

    nodes: int
    depth: int
    all: int = field(init=False)

    def __post_init__(self) -> None:
        self.all = self.nodes

    def spend(self) -> None:
        self.nodes -= 1
        if self.nodes < 0:
            raise NamingError("more objects to name than the bound allows")


def walk(root: Any, look: Look, *, nodes: int, depth: int) -> Iterator[Named]:
    """Every tensor below `root`, once under each of its names. Raises NamingError.

    A shared container is visited by every way to it; those that lead back to themselves by the first few. Of what is
    left out each container is visited once: nobody needs all the names of what isn't converted.
    """
    budget = _Budget(nodes, depth)
    return _Walk(_settle(root, look, budget), look, budget).named()


def _settle(root: Any, look: Look, budget: _Budget) -> Any:
    """Members as they are named: where one alone holds tensors it stands for all, otherwise each has its path."""
    if not isinstance(root, Members):
        return root
    inner = {name: _settle(member, look, budget) for name, member in root.items()}
    holders = [member for member in inner.values() if _holds(member, look, budget)]
    return holders[0] if len(holders) == 1 else inner


def _holds(member: Any, look: Look, budget: _Budget) -> bool:
    return any(not found.left_out for found in _Walk(member, look, budget).named())


class _Walk:
    """Over one root."""

    def __init__(self, root: Any, look: Look, budget: _Budget) -> None:
        self._root = root
        self._look = look
        self._budget = budget
        self._path: list[_Step] = []
        self._on_path: set[int] = set()
        self._entered: dict[int, int] = {}  # how often; only of what `_once` holds an identity is one object's for sure
        self._once: circles.Once | None = None
        self._listed: dict[int, Any] = {}  # of what is left out

    def named(self) -> Iterator[Named]:
        """Every tensor."""
        node, key, reason = self._root, None, ""
        while True:
            self._budget.spend()
            if reason:
                yield from self._left_out(node, self._prefix(), (*self._keys(), key_text(key)), reason)
            else:
                yield from self._enter(node, key)
            following = self._advance()
            if following is None:
                return
            key, node, reason = following

    def _enter(self, node: Any, key: Any) -> Iterator[Named]:
        found = self._look(node) if id(node) not in self._on_path else None
        if found is None or (isinstance(found, Branch) and self._is_done(node)):
            return
        if isinstance(found, Branch) and self._is_far(key):
            if id(node) not in self._seen().barren or not self._is_round():
                raise NamingError(f"objects nested more than {self._budget.depth} deep, or names that are too long")
            yield from self._left_out(node, self._prefix(), (*self._keys(), key_text(key)), "")
            return
        name = join(self._prefix(), key) if self._path else None
        if isinstance(found, Leaf):
            own = ROOT_NAME if name is None else name
            keys = (*self._keys(), *([key_text(key)] if self._path else ()))
            yield _named(own, found.value, "", keys, sharded=self._is_sharded())
        else:
            sharded = isinstance(node, Shards) or self._is_sharded()
            self._path.append(_Step(id(node), key, name, _steps(found), sharded, node))
            self._on_path.add(id(node))
            self._entered[id(node)] = self._entered.get(id(node), 0) + 1

    def _prefix(self) -> str | None:
        return self._path[-1].prefix if self._path else None

    def _is_sharded(self) -> bool:
        return bool(self._path) and self._path[-1].sharded

    def _keys(self) -> list[str]:
        return [key_text(step.key) for step in self._path[1:]]

    def _is_far(self, key: Any) -> bool:
        """Whether nothing below can be named."""
        if len(self._path) >= self._budget.depth:
            return True
        return bool(self._path) and len(self._prefix() or "") + len(key_text(key)) >= MAX_NAME

    def _is_round(self) -> bool:
        """Whether it is circles that lead so far, as in a long list of linked nodes, and not mere nesting."""
        circular = self._seen().circular
        return sum(step.identity not in circular for step in self._path) < self._budget.depth // 2

    def _is_done(self, node: Any) -> bool:
        """Whether it has been entered, and often enough."""
        times = self._entered.get(id(node), 0)
        return times > 0 and (id(node) in self._seen().barren or (times >= _WAYS and id(node) in self._seen().circular))

    def _seen(self) -> circles.Once:
        """Only asked for where something is shared, or lies deep: most files never need it. Of more objects than are
        surveyed nothing is known, and each is visited by every way."""
        if self._once is None:
            budget = _Budget(min(self._budget.all, _MOST_SURVEYED), self._budget.depth)
            try:
                self._once = circles.survey(self._root, self._inside, budget.spend)
            except NamingError:
                self._once = circles.NOTHING
        return self._once

    def _inside(self, node: Any) -> list[Any] | bool:
        found = self._look(node)
        return [child for _, child in found.children] if isinstance(found, Branch) else found is not None

    def _left_out(self, root: Any, prefix: str | None, keys: tuple[str, ...], reason: str) -> Iterator[Named]:
        """What is below it, the nearest first; without a reason only what has one of its own."""
        todo = deque([(root, prefix, keys, reason)])
        while todo:
            node, prefix, keys, reason = todo.popleft()
            self._budget.spend()
            found = self._look(node) if id(node) not in self._listed else None
            name = keys[-1] if prefix is None else f"{prefix}.{keys[-1]}"[:MAX_NAME]
            if isinstance(found, Leaf) and reason:
                yield _named(name, found.value, reason, keys)
            elif isinstance(found, Branch):
                self._listed[id(node)] = node
                above = keys[: self._budget.depth]
                todo.extend((child, name, (*above, key_text(key)), reason or why) for key, child, why in _steps(found))

    def _advance(self) -> tuple[Any, Any, str] | None:
        """The next child of the innermost container that has one; None at the end."""
        while self._path:
            following = next(self._path[-1].rest, None)
            if following is not None:
                return following
            self._on_path.discard(self._path.pop().identity)
        return None


def _named(own: str, value: Any, reason: str, keys: tuple[str, ...], *, sharded: bool = False) -> Named:
    safe = escape(own)
    return Named(safe, value, reason, keys, None if safe == own else own, sharded)


@dataclass(frozen=True)
class _Nth:
    """Stands for a key that has no text of its own: a class, an object such as an optimizer's parameter."""

    place: int


def _steps(branch: Branch) -> Iterator[tuple[Any, Any, str]]:
    for place, (key, child) in enumerate(branch.children):
        yield key if _is_spelled(key) else _Nth(place), child, ""
    yield from branch.left_out


def _is_spelled(key: Any) -> bool:
    """Whether a key has a text. By its very type: what an object of a subclass is called, only its class knows, and
    that may be absent."""
    if type(key) is tuple:
        return all(type(part) in _SPELLED for part in key[:TUPLE_PARTS])
    return type(key) in _SPELLED


def join(prefix: str | None, key: Any) -> str:
    """A child's name. Raises NamingError when it is too long for the wire."""
    text = key_text(key)
    name = text if prefix is None else f"{prefix}.{text}"
    if len(name) > MAX_NAME:
        raise NamingError(f"a name of more than {MAX_NAME} characters")
    return name


def escape(name: str) -> str:
    """The name as safetensors can hold it: unchanged where it can. Raises NamingError when that is too long."""
    if name in ("", RESERVED):
        return "%5F" + name[1:] if name else "%"
    if not _TROUBLE.search(name):
        return name
    safe = _ESCAPED.sub(_percent, name)
    if len(safe) > MAX_NAME:
        raise NamingError(f"an escaped name of more than {MAX_NAME} characters")
    return safe


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def key_text(key: Any) -> str:
    """A dictionary's key in a name: text as it is, numbers in decimal, anything else by a bounded rule."""
    for kind, text in _KEY_TEXTS:
        if isinstance(key, kind):
            return text(key)
    return f"<{type(key).__name__[:KEY_TEXT]}>"


def _tuple_text(key: tuple[Any, ...]) -> str:
    parts = ("(...)" if isinstance(part, tuple) else key_text(part) for part in key[:TUPLE_PARTS])
    return "(" + ",".join(parts)[:KEY_TEXT] + ")"


# In this order: a bool is an int.
_KEY_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, str),
    (bytes | bytearray, lambda key: bytes(key[:KEY_TEXT]).decode("latin-1")),
    (bool | None, repr),
    (int, lambda key: str(int(key)) if key.bit_length() < 512 else hex(key)[:KEY_TEXT]),
    (float, lambda key: repr(float(key))),
    (tuple, _tuple_text),
    (_Nth, lambda key: f"<{key.place}>"),
)
_SPELLED = frozenset({str, bytes, bytearray, bool, type(None), int, float, tuple})


def shards_branch(shards: Shards, look: Look) -> Branch:
    """The children of all of them; a shard that is a tensor itself has its number as its name."""
    seen = [(number, shard, look(shard)) for number, shard in enumerate(shards)]
    inside = [found for _, _, found in seen if isinstance(found, Branch)]
    bare = [(number, shard) for number, shard, found in seen if isinstance(found, Leaf)]
    return Branch(
        [*bare, *(pair for branch in inside for pair in branch.children)],
        [row for branch in inside for row in branch.left_out],
    )


def is_module(state: Any) -> bool:
    """Whether an object's __dict__ is a torch module's."""
    return isinstance(state, dict) and all(isinstance(state.get(part), dict) for part in MODULE_PARTS)


def module_branch(state: dict[Any, Any]) -> Branch:
    """A module's children, from its __dict__: what its state_dict has, in that order, and what it hasn't."""
    hidden = state.get(NON_PERSISTENT)
    listed = hidden if isinstance(hidden, set | frozenset | list) else ()
    skipped = {name for name in listed if isinstance(name, str)}
    buffers = state["_buffers"].items()
    children = [
        *state["_parameters"].items(),
        *((key, buffer) for key, buffer in buffers if key not in skipped),
        *state["_modules"].items(),
    ]
    left_out = [
        *((key, buffer, NOT_PERSISTENT_REASON) for key, buffer in buffers if key in skipped),
        *((key, value, ATTRIBUTE_REASON) for key, value in state.items() if key not in MODULE_PARTS),
    ]
    return Branch(children, left_out)


def attributes_branch(state: Any) -> Branch:
    """An object's children, from what it pickles as its state: a dict, or (dict, slots)."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    return Branch([pair for part in parts if isinstance(part, dict) for pair in part.items()])
