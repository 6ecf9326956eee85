"""How tensors get their names. One walk, for the readers' inert objects and for the loader's real ones.

A dictionary's path is joined by dots; positions in lists and tuples are numbers; a module's tensors have their
state_dict names; other objects are walked by attribute. A tensor at the root is called "tensor". A name that
safetensors can't hold is escaped. The rule for users is docs/naming.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

ROOT_NAME = "tensor"
MAX_NAME = 4096  # the wire's bound
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
    left_out: str
    rest: Iterator[tuple[Any, Any, str]]
    sharded: bool
    node: Any = field(repr=False)  # held, so that its identity stays its own


@dataclass
class _Budget:
    """What all walks over one root may take together."""

    nodes: int
    depth: int

    def spend(self) -> None:
        self.nodes -= 1
        if self.nodes < 0:
            raise NamingError("more objects to name than the bound allows")


def walk(root: Any, look: Look, *, nodes: int, depth: int) -> Iterator[Named]:
    """Every tensor below `root`, once under each of its names. Raises NamingError.

    A container on the present path isn't entered again, so cycles end; a shared one is visited by every way to it.
    """
    budget = _Budget(nodes, depth)
    return _walk(_settle(root, look, budget), look, budget)


def _settle(root: Any, look: Look, budget: _Budget) -> Any:
    """Members as they are named: where one alone holds tensors it stands for all, otherwise each has its path."""
    if not isinstance(root, Members):
        return root
    inner = {name: _settle(member, look, budget) for name, member in root.items()}
    holders = [member for member in inner.values() if any(not found.left_out for found in _walk(member, look, budget))]
    return holders[0] if len(holders) == 1 else inner


def _walk(root: Any, look: Look, budget: _Budget) -> Iterator[Named]:
    path: list[_Step] = []
    entered: set[int] = set()
    node, prefix, key, reason = root, None, None, ""
    while True:
        budget.spend()
        found = look(node) if id(node) not in entered else None
        if found is not None:
            name = join(prefix, key) if path else None
            if isinstance(found, Leaf):
                parts = tuple(key_text(part) for part in [step.key for step in path[1:]] + [key] * bool(path))
                own = ROOT_NAME if name is None else name
                safe = escape(own)
                sharded = bool(path) and path[-1].sharded
                yield Named(safe, found.value, reason, parts, None if safe == own else own, sharded)
            elif len(path) >= budget.depth:
                raise NamingError(f"objects nested more than {budget.depth} deep")
            else:
                sharded = isinstance(node, Shards) or (bool(path) and path[-1].sharded)
                path.append(_Step(id(node), key, name, reason, _steps(found), sharded, node))
                entered.add(id(node))
        following = _advance(path, entered)
        if following is None:
            return
        node, prefix, key, reason = following


def _advance(path: list[_Step], entered: set[int]) -> tuple[Any, str | None, Any, str] | None:
    """The next child of the innermost container that has one, with its container's name; None at the end."""
    while path:
        step = path[-1]
        following = next(step.rest, None)
        if following is not None:
            key, child, reason = following
            return child, step.prefix, key, step.left_out or reason
        entered.discard(step.identity)
        path.pop()
    return None


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
