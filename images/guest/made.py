"""Objects that are pickled by what makes them, and not by their attributes: how their parts are named.

One rule for the readers' records, for stand-ins, and for real objects, which are asked how they would be pickled.
"""

from __future__ import annotations

import sys
from typing import Any

from guest.naming import Branch, attributes_branch, is_module, module_branch

# A callable's arguments by name. "*" is a dict whose items count as attributes, "" what has no name.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "sklearn.tree._tree.Tree": ("n_features", "n_classes", "n_outputs"),
    "numpy.random._pickle.__randomstate_ctor": ("bit_generator",),
    "numpy.random._pickle.__generator_ctor": ("bit_generator",),
    "numpy.random._pickle.__bit_generator_ctor": ("",),
    "pandas._libs.internals._unpickle_block": ("values", "placement", "ndim"),
    "pandas.core.internals.managers.BlockManager": ("blocks", "axes"),
    "pandas.core.internals.managers.SingleBlockManager": ("blocks", "axes"),
    "pandas.core.indexes.base._new_Index": ("", "*"),
    "pandas.core.indexes.datetimes._new_DatetimeIndex": ("", "*"),
    "pandas.core.indexes.period._new_PeriodIndex": ("", "*"),
}
_PANDAS_STATE = "0.14.1"  # the key that pandas' tables have kept their parts under since that version
_ARRAY_PARTS = 5  # version, shape, dtype, whether in Fortran's order, elements
_ADDED = 16  # parts of the state of an array's subclass that are looked at
_KNOWN_STATES = frozenset(
    {"torch", *sys.stdlib_module_names}
)  # whose objects don't show such a state once they have it


def arguments(name: str, given: Any) -> list[tuple[Any, Any]]:
    """The parts of an object that `name` makes of these arguments; none for one that isn't known."""
    children: list[tuple[Any, Any]] = []
    if isinstance(given, tuple):
        for key, value in zip(ARGUMENTS.get(name, ()), given, strict=False):
            if key == "*" and isinstance(value, dict):
                children += value.items()
            elif key not in ("", "*"):
                children.append((key, value))
    return children


def state(name: str, given: Any) -> Branch:
    """The parts of an object of a class in the state that it is given by a pickle."""
    if is_module(given):
        return module_branch(given)
    if isinstance(given, tuple):
        given = _of_tuple(name, given)
    if given is None or isinstance(given, dict):
        return attributes_branch(given)
    if name.partition(".")[0] in _KNOWN_STATES:
        return Branch((), [("state", given, f"a state whose form only {name[:128]} knows")])
    return Branch([("state", given)])


def array_state(given: Any) -> tuple[Any, ...] | None:
    """What numpy itself takes of the state of a subclass of its arrays; None if it isn't there.

    Subclasses put their own behind numpy's (as its documentation has it), before it, or beside it.
    """
    if not isinstance(given, tuple):
        return None
    for parts in (given, *(part for part in given[:_ADDED] if isinstance(part, tuple))):
        for start in range(max(min(len(parts), _ADDED) - _ARRAY_PARTS + 1, 0)):
            found = parts[start : start + _ARRAY_PARTS]
            version, shape, _, order, _ = found
            if type(version) is int and isinstance(shape, tuple) and type(order) in (bool, int):
                return found
    return None


def _of_tuple(name: str, given: tuple[Any, ...]) -> Any:
    """The attributes that a tuple stands for, if it is of a known form; otherwise the tuple."""
    if len(given) == 2 and all(part is None or isinstance(part, dict) for part in given):
        return {key: value for part in given if part for key, value in part.items()}
    if len(given) == 2 and isinstance(given[0], dict) and name.startswith("numpy.random."):
        return {**given[0], "seed_seq": given[1]}
    table = given[-1].get(_PANDAS_STATE) if given and isinstance(given[-1], dict) else None
    return table if isinstance(table, dict) else given
