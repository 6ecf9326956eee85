"""A method of a value that stands in the file, as pickles of bound methods spell it: getattr(value, "name").

Of plain data, and of a counter or an iterator over such, it is known for all names to be nobody's code but Python's.
Of an object it is the method of the object's class.
"""

from __future__ import annotations

from guest.readers.inert import Call, Global, as_text, is_data, is_iterator, is_plain

# What calls nothing of what it was given, when it is given texts and numbers.
_COUNTERS = frozenset({"itertools.count", "itertools.repeat"})
# Functions that make an object of one class.
_MAKE = {
    "re._compile": "re.Pattern",
    "random.Random": "random.Random",
    "numpy.random._pickle.__randomstate_ctor": "numpy.random.mtrand.RandomState",
    "numpy.random._pickle.__generator_ctor": "numpy.random._generator.Generator",
    "numpy.random.__RandomState_ctor": "numpy.random.mtrand.RandomState",
    "numpy.random.__randomstate_ctor": "numpy.random.mtrand.RandomState",
}
_OLD = "copyreg._reconstructor"


def is_of_data(value: object) -> bool:
    """Whether it is a method of plain data, or of a counter or an iterator over such."""
    owner, _ = _split(value)
    return is_data(owner) or is_iterator(owner) or _is_counter(owner)


def method(value: object) -> Global | None:
    """The method of an object's class under its own name; None where it is none, or the class isn't known."""
    owner, name = _split(value)
    kind = _class(owner) if isinstance(owner, Call) and name.isidentifier() else None
    return Global(f"{kind.name}.{name}", f"{kind.canonical}.{name}") if kind else None


def _split(value: object) -> tuple[object, str]:
    """What getattr is asked of, and for which name."""
    if not isinstance(value, Call) or value.indirect or value.root is None or value.kind != "reduce":
        return None, ""
    args = value.args
    if value.root.canonical != "builtins.getattr" or not isinstance(args, tuple) or len(args) != 2:
        return None, ""
    return args[0], as_text(args[1]) or ""


def _is_counter(owner: object) -> bool:
    if not isinstance(owner, Call) or owner.root is None or owner.indirect:
        return False
    return owner.root.canonical in _COUNTERS and is_plain(owner.args) and not owner.states


def _class(owner: Call) -> Global | None:
    if owner.root is None or owner.indirect:
        return None
    if owner.kind == "newobj":
        return owner.root
    made = _MAKE.get(owner.root.canonical)
    if made is not None:
        return Global(made, made)
    first = owner.args[0] if isinstance(owner.args, tuple) and owner.args else None
    return first if owner.root.canonical == _OLD and isinstance(first, Global) else None
