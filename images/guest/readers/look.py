"""How the walk that names tensors looks at the readers' inert objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guest import made
from guest.distcp import Records
from guest.naming import (
    KEY_TEXT,
    MAX_NAME,
    TUPLE_PARTS,
    Branch,
    Leaf,
    Members,
    Shards,
    attributes_branch,
    is_module,
    shards_branch,
)
from guest.readers.exported import INPUTS, Exported
from guest.readers.inert import Bag, Bytes, Call, MappingObject, Text
from guest.readers.numpy_objects import NumpyArray, NumpyScalar, plain
from guest.readers.parts import Parts
from guest.readers.script_objects import UNREACHABLE, Script, is_reachable, is_scripted, state_of
from guest.readers.tensors import Storage, TensorView

_SET_REASON = "an element of a set: it has no place, so no name"
_INPUTS_REASON = "an example input: no part of the model"
_STORAGE_REASON = "a storage that no tensor views"


def look(node: Any) -> Leaf | Branch | None:
    """A tensor, or what is inside, or None."""
    see = _SEEN.get(type(node))
    return see(node) if see else None


def _mapping(node: dict[Any, Any]) -> Branch:
    return Branch(_keyed(node.items()))


def _mapping_object(node: MappingObject) -> Branch:
    attributes = [pair for state in node.states for pair in attributes_branch(state).children]
    return Branch([*_keyed(node.items()), *_keyed(attributes)])


def _sequence(node: list[Any] | tuple[Any, ...]) -> Branch:
    return Branch(enumerate(node))


def _bag(node: Bag) -> Branch:
    return Branch((), [(at, item, _SET_REASON) for at, item in enumerate(node.items)])


def _array(node: NumpyArray) -> Leaf | Branch | None:
    if node.view is not None:
        return Leaf(node.view)
    if node.parts is not None:
        return look(node.parts)
    if node.objects is None:
        return None
    if node.shape == () and len(node.objects) == 1 and not isinstance(node.objects[0], NumpyArray):
        return look(node.objects[0])  # numpy's way to save one object: whoever loads it takes it out
    return Branch(enumerate(node.objects))


def _storage(node: Storage) -> Branch:
    """A storage saved by itself: named, not converted."""
    whole = TensorView(node, node.dtype, 0, (node.nbytes // node.dtype.itemsize,), (1,))
    return Branch((), [("storage", whole, _STORAGE_REASON)])


def _script(node: Script) -> Leaf | Branch | None:
    """The module's own names, and the constants beside them."""
    module = look(node.module)
    inside = module if isinstance(module, Branch) else Branch()
    return Branch([*inside.children, ("CONSTANTS", node.constants)], inside.left_out)


def _exported(node: Exported) -> Branch:
    return Branch(_keyed(node.tensors.items()), [(INPUTS, node.inputs, _INPUTS_REASON)])


def _scripted(node: Call) -> Leaf | Branch | None:
    """What it is made of, as if that stood in its place."""
    inside = look(state_of(node))
    if is_reachable(node) or not isinstance(inside, Branch):
        return inside
    children = [*inside.children, *((key, child) for key, child, _ in inside.left_out)]
    return Branch((), [(key, child, UNREACHABLE) for key, child in children])


def _call(node: Call) -> Leaf | Branch | None:
    """An object of a class that isn't here: by its state, its items, its elements; by what made it if that is known."""
    if is_scripted(node):
        return _scripted(node)
    children: list[tuple[Any, Any]] = [*_keyed(node.pairs), *enumerate(node.items)]
    name = node.root.canonical if node.root and not node.indirect else ""
    left_out: list[tuple[Any, Any, str]] = []
    if name in made.ARGUMENTS:
        children += _keyed(made.arguments(name, node.args))
    elif node.args:
        left_out.append(("args", node.args, f"an argument of {node.name[:128]}"))
    for state in node.states:
        inner = made.state(node.name, _plain_state(state))
        children += inner.children if is_module(state) else _keyed(inner.children)
        left_out += inner.left_out
    return Branch(children, left_out)


def _plain_state(state: Any) -> Any:
    """A module's state with its sets as names."""
    if not isinstance(state, dict):
        return state
    hidden = state.get("_non_persistent_buffers_set")
    return {**state, "_non_persistent_buffers_set": hidden.items} if isinstance(hidden, Bag) else state


def _keyed(pairs: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in pairs:
        yield _key(key), value


def _key(key: Any) -> Any:
    """What the key is in a loaded object, as far as names can tell."""
    if isinstance(key, Bytes):
        begins = key.source.at(0, min(key.source.length, MAX_NAME if key.kind == "str" else KEY_TEXT))
        return str(begins, "latin-1") if key.kind == "str" else bytes(begins)
    if isinstance(key, NumpyScalar):
        return plain(key, key)
    if isinstance(key, tuple):
        return tuple(map(_key, key[:TUPLE_PARTS]))
    return _long_key(key) if isinstance(key, Text) else key


def _long_key(key: Text) -> str:
    """A key that may be short enough for a name in letters, though not in bytes."""
    try:
        return key.value(4 * MAX_NAME) or "<text>"
    except UnicodeDecodeError:  # no unpickler takes it
        return "<text>"


_SEEN: dict[type, Any] = {
    TensorView: Leaf,
    NumpyArray: _array,
    dict: _mapping,
    Members: _mapping,
    Records: _sequence,
    Shards: lambda node: shards_branch(node, look),
    Parts: lambda node: Branch(node.children.items()),
    MappingObject: _mapping_object,
    list: _sequence,
    tuple: _sequence,
    Bag: _bag,
    Storage: _storage,
    Call: _call,
    Script: _script,
    Exported: _exported,
}
