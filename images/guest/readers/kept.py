"""What a stream's objects keep to be called when they are used: hooks, and functions in the place of methods.

Loading calls none of it, so no load shows what it does. It is told by name, once for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from guest.naming import MODULE_PARTS, is_module
from guest.readers import bound, keys
from guest.readers.inert import Bag, Call, Global, MappingObject, member

HOOK, METHOD, FACTORY, FIELD = "kept.hook", "kept.method", "kept.factory", "kept.field"
DOUBLED = "module.doubled"
_HOOKS = re.compile(r"_?[a-z_]*hooks")  # torch's tables of them, in modules, optimizers and tensors
_MOST_HOOKS = 64  # of one table that are looked at
_PARTIAL = "functools.partial"
# Where a tensor's own hooks stand among the arguments of what rebuilds it.
_TENSOR_HOOKS = {f"torch._utils.{name}": 5 for name in ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor")}
_TENSOR_HOOKS |= {f"torch._utils.{name}": 2 for name in ("_rebuild_parameter", "_rebuild_parameter_with_state")}
_FROM_TYPE = re.compile(r"torch\.(?:_tensor|tensor)\._rebuild_from_type(?:_v2)?")  # and a tensor's attributes

# What users and torch call of an object, and look up in it before its class: of any object, and of modules only.
_METHODS = """forward _call_impl _compiled_call_impl _slow_forward _wrapped_call_impl _apply _load_from_state_dict
_save_to_state_dict state_dict load_state_dict named_parameters save_pretrained items keys values copy update
get pop clear setdefault predict predict_proba decision_function"""
_MODULE_METHODS = """_get_name _replicate_for_data_parallel add_module apply bfloat16 buffers children compile cpu cuda
double eval extra_repr float generate get_buffer get_parameter get_submodule half modules named_buffers named_children
named_modules parameters register_buffer register_module requires_grad_ share_memory to to_empty train type
zero_grad"""
_OF_ANY, _OF_MODULES = frozenset(_METHODS.split()), frozenset(_MODULE_METHODS.split())

_DEFAULT = "collections.defaultdict"
_FACTORY = "default_factory"
# What these hold, and look things up in: honest ones hold what Python itself is made of.
_FIELDS = {
    "collections.UserList": ("data",),
    "collections.UserString": ("data",),
    "collections.UserDict": ("data",),
    "torch.utils.data.dataset.ConcatDataset": ("cumulative_sizes",),
}

Owned = tuple[str, Any]  # an object's class, and a state that it was given
Later = tuple[Global, tuple[Any, ...]]  # what is called later, and what it is bound to


def of_call(made: Call) -> Iterator[Owned]:
    """The hooks that a tensor is rebuilt with, and what a dictionary calls for keys that it hasn't."""
    if made.root is not None and made.root.canonical in (_DEFAULT, f"_{_DEFAULT}") and isinstance(made.args, tuple):
        yield _DEFAULT, {_FACTORY: made.args[0] if made.args else None}
    if made.root is not None and _FROM_TYPE.fullmatch(made.root.canonical) and isinstance(made.args, tuple):
        yield from ((made.name, state) for state in made.args[3:4])
    at = _TENSOR_HOOKS.get(made.root.canonical) if made.root else None
    if at is not None and isinstance(made.args, tuple) and len(made.args) > at and made.args[at]:
        yield made.name, {"_backward_hooks": made.args[at]}


def told(owned: Iterable[Owned]) -> dict[tuple[str, str], None]:
    """Id and detail of an oddity for each thing that these objects keep."""
    return dict.fromkeys(row for owner, state in owned for row in (*_of_state(owner, state), *_doubled(owner, state)))


def _doubled(owner: str, state: Any) -> Iterator[tuple[str, str]]:
    """What a module has twice under one name. Its users get an attribute before any part, and of the parts the first;
    its state_dict has the last. torch.nn.Module sets neither beside the other."""
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        held = dict(keys.named(part)) if isinstance(part, dict) else {}
        if is_module(held):
            places = [("its attributes", held.keys() - MODULE_PARTS)]
            places += [(name, {key for key, _ in keys.named(held[name])}) for name in MODULE_PARTS]
            for (place, own), (other, more) in combinations(places, 2):
                for key in sorted(own & more)[:_MOST_HOOKS]:
                    yield DOUBLED, f"{owner[:256]} has {key[:256]!a} among {place} and among {other}"


def _of_state(owner: str, state: Any) -> Iterator[tuple[str, str]]:
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        for key, value in keys.named(part) if isinstance(part, dict) else ():
            if (key in _OF_ANY or (key in _OF_MODULES and is_module(dict(keys.named(part))))) and is_function(value):
                yield METHOD, f"{value.name[:256]} in the place of {key} of {owner[:256]}"
            elif key == _FACTORY and owner == _DEFAULT and isinstance(value, Call) and factories(value) is None:
                yield FACTORY, f"{value.name[:256]} is what a dictionary calls for each key that it hasn't"
            elif key in _FIELDS.get(owner, ()) and isinstance(value, Call | MappingObject) and not _is_mapping(value):
                yield FIELD, f"{value.name[:256]} stands in {key} of {owner[:256]}"
            elif _HOOKS.fullmatch(key):
                yield from ((HOOK, f"{hook.name[:256]} in {key} of {owner[:256]}") for hook in _hooks(value))


def later(owned: Owned) -> Iterator[Later]:
    """What a dictionary calls for each key that it hasn't."""
    _, state = owned
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        for key, value in keys.named(part) if isinstance(part, dict) else ():
            if key == _FACTORY:
                yield from factories(value) or ()


def factories(value: Any, depth: int = 4) -> list[Later] | None:
    """The names that are called when this is, with what they are bound to; None where that can't be told."""
    found = member(value) or bound.method(value) or value
    if isinstance(found, Global):
        return [(found, ())]
    if not isinstance(value, Call) or bound.is_of_data(value):
        return []
    heads = [value.args, *(_of_partial(state) for state in value.states)]
    if value.name != _PARTIAL or not depth or not all(isinstance(args, tuple) and args for args in heads):
        return None
    told: list[Later] = []
    for head, *given in heads:
        called = factories(head, depth - 1)
        of_default = isinstance(head, Global) and head.canonical == _DEFAULT
        within = factories(given[0], depth - 1) if of_default and given else []
        if called is None or within is None or not called:
            return None
        told += [(name, (*before, *given)) for name, before in called] + within
    return told


def _of_partial(state: Any) -> Any:
    """(function, arguments, arguments by keyword, attributes), as a partial is given back its state."""
    if not isinstance(state, tuple) or len(state) < 3 or not isinstance(state[1], tuple):
        return None
    return (state[0], *state[1], *([state[2]] if state[2] else []))


def looked_up(given: object) -> Iterator[str]:
    """What dictionaries call that somebody's code is given while the file is loaded."""
    for value in given if isinstance(given, tuple) else (given,):
        if isinstance(value, MappingObject) and value.name.endswith(_DEFAULT) and value.args:
            for name, _ in factories(value.args[0]) or ():
                if keys.is_called(name):
                    yield name.name


def _is_mapping(value: Any) -> bool:
    return isinstance(value, MappingObject) and not (value.args and isinstance(value.args[0], Call))


def is_function(value: Any) -> bool:
    """A name that isn't a class's, or what was bound to arguments."""
    if isinstance(value, Call):
        return value.root is not None and value.root.canonical == _PARTIAL
    return isinstance(value, Global) and not value.name.rpartition(".")[2].lstrip("_")[:1].isupper()


def _hooks(table: Any) -> Iterator[Global | Call]:
    """What can be called in a table of hooks; each may stand in a sequence with what it is given."""
    if isinstance(table, Call):
        held = [value for _, value in table.pairs] + table.items
    elif isinstance(table, dict):
        held = list(table.values())
    else:
        held = table.items if isinstance(table, Bag) else list(table) if isinstance(table, list | tuple) else []
    for hook in held[:_MOST_HOOKS]:
        for part in hook[:4] if isinstance(hook, list | tuple) else (hook,):
            if isinstance(part, Global | Call):
                yield part
