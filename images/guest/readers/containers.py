"""The opcodes that change what is already on the stack: lists, dictionaries, sets, objects' states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guest.readers import configured, keys, restored, shared
from guest.readers.errors import UnreadableError
from guest.readers.inert import Bag, Call, Global, MappingObject, check_key, describe
from guest.readers.machine import Machine

# Called by their names on the object itself: by the unpickler, or by what known classes do while they are given a state
# or die. A function that a state puts in their place is a call that no opcode makes.
_CALLED_UPON = frozenset(
    {
        *("append", "extend", "add", "__setstate__", "__class__", "__array__", "close"),
        *("_patch_step_function", "setdefault"),  # by torch's optimizers
        # by its parallel, sparse and quantized modules, its weak references and its profiler
        *("_build_debug_param_to_name_mapping", "_build_params_for_reducer", "_ddp_init_helper", "_set_static_graph"),
        *("_convert_mask", "_load_container_from_state", "set_weight_bias", "to_mkldnn", "_free_weak_ref"),
        *("unregister_callback", "_shutdown_workers", "_cleanup"),
    }
)


def _marked_dict(reader: Machine) -> None:
    items = reader.pop_mark()
    reader.stack.append({})
    _set_pairs(reader, items)


def _append(reader: Machine) -> None:
    item = reader.stack.pop()
    _extend(reader, [item])


def _appends(reader: Machine) -> None:
    items = reader.pop_mark()
    _extend(reader, items)


def _extend(reader: Machine, items: list[Any]) -> None:
    target = reader.stack[-1]
    if isinstance(target, list):
        target.extend(items)
    elif isinstance(target, Call):
        _check_order(reader, target)
        target.items.extend(items)
        _acted(reader, target, "extend", items)
    else:
        _refused(reader, target)


def _additems(reader: Machine) -> None:
    items = reader.pop_mark()
    target = reader.stack[-1]
    reader.hashed(items)
    if isinstance(target, Bag) and not target.frozen:
        for item in items:
            check_key(item)
        target.items.extend(items)
    elif isinstance(target, Call):
        _check_order(reader, target)
        target.items.extend(items)
        _acted(reader, target, "extend", items)
    else:
        _refused(reader, target)


def _setitem(reader: Machine) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    _set_pairs(reader, [key, value])


def _setitems(reader: Machine) -> None:
    items = reader.pop_mark()
    _set_pairs(reader, items)


def _set_pairs(reader: Machine, items: list[Any]) -> None:
    target = reader.stack[-1]
    if len(items) % 2:
        raise UnreadableError("an odd number of keys and values")
    reader.hashed(items[::2])
    if isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value
            if type(key) is str and key in configured.KEYS and type(value) is str:
                reader.name(value)
    elif isinstance(target, Call):
        _check_order(reader, target)
        target.pairs.extend(zip(items[::2], items[1::2], strict=True))
        _acted(reader, target, "extend", items)
    else:
        _refused(reader, target)


def _build(reader: Machine) -> None:
    state = reader.stack.pop()
    target = reader.stack[-1]
    for ident, detail in restored.told(state, reader.session):  # at once: what it becomes later, the class doesn't see
        reader.oddity(ident, detail)
    reader.tell_looked_up(state)
    if isinstance(target, MappingObject | Call):
        _check_order(reader, target)
        _check_names(reader, target, state)
    if isinstance(target, MappingObject):
        _check_state(state)
        target.states.append(state)
        reader.own(target.name, state)
        return
    if isinstance(target, Call):
        _acted(reader, target, "build", state)
        reader.own(target.name, state)
    built = reader.constructors.build(target, state, reader.where)
    if built is not None:
        reader.stack[-1] = built
        if isinstance(target, Call) and isinstance(state, dict):  # joblib's wrapper of an array
            reader.remade(state, state.get("subclass"))
    elif isinstance(target, Call):
        target.states.append(state)
    else:
        _refused(reader, target)


def _check_order(reader: Machine, target: MappingObject | Call) -> None:
    """No pickler fills an object once it has its state, or gives it another: what the state holds would be called."""
    if target.states:
        reader.oddity("pickle.order", f"{reader.where.opcode} on {target.name}, which has its state already")


def _check_names(reader: Machine, target: MappingObject | Call, state: object) -> None:
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in keys.named(part) if isinstance(part, dict) else ():
            if name in _CALLED_UPON and isinstance(value, Global | Call):
                reader.oddity("pickle.shadow", f"a state puts {describe(value)} in the place of {target.name}.{name}")


def _check_state(state: object) -> None:
    """Raises UnreadableError for one that an object without a way of its own to take it would refuse."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    if not all(part is None or isinstance(part, dict) for part in parts):
        raise UnreadableError("a state that is no dictionary")


def _acted(reader: Machine, target: Call, use: str, given: object) -> None:
    if target.root is not None:
        reader.session.used(reader.where, target.root, use, target.indirect, given)
        reader.met.given(given, reader.where.offset)
    for ident, detail in shared.told(target, given, reader.where.opcode):
        reader.oddity(ident, detail)


def _refused(reader: Machine, target: object) -> None:
    """An opcode changes something that no honest pickle changes: a class, a tensor, a tuple."""
    opcode = reader.where.opcode
    if isinstance(target, Global):
        reader.oddity("pickle.patch", f"{opcode} changes {target.name} itself")
        reader.session.used(reader.where, target, "change", False, None)
    else:
        reader.oddity("pickle.target", f"{opcode} on a {type(target).__name__.lower()}")
    reader.session.incomplete(f"{opcode} changes something that can't be changed inertly")


CONTAINERS: dict[str, Callable[[Machine], None]] = {
    "DICT": _marked_dict,
    "APPEND": _append,
    "APPENDS": _appends,
    "ADDITEMS": _additems,
    "SETITEM": _setitem,
    "SETITEMS": _setitems,
    "BUILD": _build,
}
