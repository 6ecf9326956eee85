"""What a stream's objects keep to be called when they are used: hooks, and functions in the place of methods.

Loading calls none of it, so no load shows what it does. It is told by name, once for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from guest.naming import MODULE_PARTS, is_module
from guest.readers.inert import Bag, Call, Global, MappingObject

HOOK, METHOD, FACTORY, FIELD = "kept.hook", "kept.method", "kept.factory", "kept.field"
DOUBLED = "module.doubled"
_HOOKS = re.compile(r"_?[a-z_]*hooks")  # torch's tables of them, in modules, optimizers and tensors
_MOST_HOOKS = 64  # of one table that are looked at
_PARTIAL = "functools.partial"
_MAKERS = frozenset(
    {
        *(f"torch.{name}" for name in ("zeros", "ones", "full", "empty", "tensor")),
        *(f"builtins.{name}" for name in ("dict", "list", "set", "tuple", "int", "float", "str", "bool", "bytearray")),
        "collections.defaultdict",
        "collections.deque",
    }
)
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
        if not is_module(part):
            continue
        places = [("its attributes", part.keys() - MODULE_PARTS), *((name, part[name]) for name in MODULE_PARTS)]
        for at, (place, names) in enumerate(places):
            for other, more in places[at + 1 :]:
                for key in sorted(key for key in more if isinstance(key, str) and key in names)[:_MOST_HOOKS]:
                    yield DOUBLED, f"{owner[:256]} has {key[:256]!a} among {place} and among {other}"


def _of_state(owner: str, state: Any) -> Iterator[tuple[str, str]]:
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        for key, value in part.items() if isinstance(part, dict) else ():
            if not isinstance(key, str):
                continue
            if (key in _OF_ANY or (key in _OF_MODULES and is_module(part))) and is_function(value):
                yield METHOD, f"{value.name[:256]} in the place of {key} of {owner[:256]}"
            elif key == _FACTORY and owner == _DEFAULT and _is_bound(value):
                yield FACTORY, f"{value.name[:256]} is what a dictionary calls for each key that it hasn't"
            elif key in _FIELDS.get(owner, ()) and isinstance(value, Call | MappingObject) and not _is_mapping(value):
                yield FIELD, f"{value.name[:256]} stands in {key} of {owner[:256]}"
            elif _HOOKS.fullmatch(key):
                yield from ((HOOK, f"{hook.name[:256]} in {key} of {owner[:256]}") for hook in _hooks(value))


def _is_bound(value: Any) -> bool:
    """What was made to be called: but for a class, or a function that makes tensors, bound to arguments."""
    if not isinstance(value, Call):
        return False
    bound = [value.args] + [state for state in value.states if isinstance(state, tuple)]
    if value.name != _PARTIAL or not all(isinstance(args, tuple) and args for args in bound):
        return True
    return not all(_makes(args[0]) for args in bound)


def _makes(value: Any) -> bool:
    return isinstance(value, Global) and (not is_function(value) or value.name in _MAKERS)


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
