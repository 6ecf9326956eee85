"""What a key stands for that isn't written as one: names are looked up as text, and more than texts equal one.

A dictionary finds numpy's str_, an object of a class derived from str, or a UserString by the text that it holds. So
what is looked for in a state is looked for among these, too. What a function gives could be any text, and no pickler
has an attribute's name made by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from guest.readers.inert import Bag, Bytes, Call, Global, MappingObject, as_bytes, as_text
from guest.readers.numpy_objects import NumpyScalar, letters

TEXTS = (str, Bytes, Call, NumpyScalar)  # what may stand for one
_MOST = 64  # things that one key is made of
_LONGEST = 4096  # bytes of a scalar's text
# Those of honest keys, none of which gives a text: functions, and classes in small letters.
_NO_TEXTS = frozenset(
    {
        *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
        *(f"builtins.{name}" for name in ("int", "float", "complex", "bool", "bytes", "tuple", "frozenset", "range")),
        *("re._compile", "sre_compile._compile", "torch.device", "torch.dtype", "_codecs.encode"),
    }
)
_BOUND = frozenset({"functools.partial", "types.MethodType", "operator.methodcaller", "_operator.methodcaller"})
_TYPES = (
    "builtins.",
    "torch.",
    "numpy.",
    "jax.numpy.",
    "ml_dtypes.",
    "tensorflow.",
)  # where classes and dtypes are written in small letters


def named(part: dict[Any, Any]) -> Iterable[tuple[str, Any]]:
    """What a state says by the names that its keys may stand for; one name may come more than once."""
    if is_written(part):
        return part.items()
    return [(name, value) for key, value in part.items() for name in names(key)]


def is_written(part: dict[Any, Any]) -> bool:
    """Whether all of its keys are texts as they stand in the file."""
    return all(type(key) is str for key in part)


def names(key: Any) -> tuple[str, ...]:
    """The texts that a dictionary may find it by."""
    if isinstance(key, Call):
        return tuple(_texts(_parts(key)))
    return tuple(_texts((key,)))


def unclear(part: Iterable[Any]) -> Iterator[str]:
    """Of the keys of a state each that may be a text which nobody can tell from what is written, by what makes it."""
    for key in part:
        if isinstance(key, Call) and _is_unclear(key):
            yield key.name


def kept_in(key: Any) -> str:
    """What an object in a key keeps to be called, by its name; "" for nothing.

    Whatever hashes or compares the object may call it. A bound function itself is hashed by its place in memory.
    """
    if not isinstance(key, Call | tuple | Bag):
        return ""
    for made in _parts(key):
        if isinstance(made, Call) and not _is_bound(made):
            for value in islice(_walk(*_within(made)), _MOST):
                if (isinstance(value, Call) and _is_bound(value)) or (isinstance(value, Global) and is_called(value)):
                    return value.name
    return ""


def _is_bound(made: Call) -> bool:
    return made.root is not None and made.root.canonical in _BOUND


def is_function(value: Global) -> bool:
    """By its spelling."""
    return not value.name.rpartition(".")[2].lstrip("_")[:1].isupper()


def is_called(value: Global) -> bool:
    """Whether it is a function, and none of those whose small letters may be a class's or that only compute."""
    return is_function(value) and not value.canonical.startswith(_TYPES)


def _is_unclear(key: Call) -> bool:
    parts = list(_parts(key))
    texts = list(_texts(parts))
    if len(parts) > _MOST:
        return True
    if not texts:
        return False
    decoded = len(texts) > 1 and any(isinstance(part, Bytes) for part in parts)
    return decoded or any(isinstance(part, Call) and _may_compose(part) for part in parts)


def _may_compose(made: Call) -> bool:
    if made.root is None or made.indirect:
        return True
    return is_function(made.root) and made.root.canonical not in _NO_TEXTS and not _is_member(made)


def _is_member(made: Call) -> bool:
    """getattr(module.Class, 'NAME'), as members of enumerations are pickled."""
    if made.root is None or made.root.canonical != "builtins.getattr" or not isinstance(made.args, tuple):
        return False
    return len(made.args) == 2 and isinstance(made.args[0], Global) and not is_function(made.args[0])


def _texts(parts: Iterable[Any]) -> Iterator[str]:
    for part in parts:
        text = _of_scalar(part) if isinstance(part, NumpyScalar) else as_text(part)
        if text is not None:
            yield text


def _of_scalar(scalar: NumpyScalar) -> str | None:
    """numpy gives an element of type object back as it is."""
    if scalar.dtype.kind == "O":
        return as_text(scalar.value)
    source = as_bytes(scalar.value, (0, 0)) if scalar.dtype.kind == "U" else None
    if source is None or source.length > _LONGEST:
        return None
    return letters(source, scalar.dtype.big_endian)


def _parts(key: Any) -> Iterator[Any]:
    """The key, and what it is made of and was given since; one more than the bound where that isn't all."""
    return islice(_walk(key), _MOST + 1)


def _walk(*values: Any) -> Iterator[Any]:
    todo = list(values)
    for value in todo:
        yield value
        if isinstance(value, Call):
            todo.extend(_within(value))
        elif isinstance(value, dict):
            todo.extend(islice(value.values(), _MOST))
            if isinstance(value, MappingObject):
                todo.extend(value.args)
        elif isinstance(value, list | tuple):
            todo.extend(value[:_MOST])
        elif isinstance(value, Bag):
            todo.extend(value.items[:_MOST])


def _within(made: Call) -> tuple[Any, ...]:
    return made.args, made.kwargs, made.states, made.items, made.pairs
