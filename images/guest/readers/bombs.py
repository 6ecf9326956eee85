"""Calls of harmless makers whose result is beyond all measure: digits, bytes or elements without end, from a few words.

What an honest file makes is about as big as what it says. The bounds lie far above what any file needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

from guest.readers.inert import Bag, Bytes, Call, Text, as_text, describe

BOMB = "number.bomb"
_MOST_DIGITS = 1_000_000  # of a number
_MOST_ELEMENTS = 1 << 36  # of an array or a storage that is made without data
_MOST_COPIES = 10_000_000  # of what is multiplied
_EXPONENT = re.compile(r"e([-+]?\d(?:_?\d)*)\s*\Z", re.IGNORECASE | re.ASCII)
_SIZED = re.compile(
    r"torch(?:[.]\w+)*[.]\w*(?:Tensor|Storage)|numpy(?:[.]\w+)*[.](?:ndarray|recarray|matrix|empty|zeros|ones|full)"
)


def told(made: Call) -> str:
    """What it makes where that is beyond measure, else ""."""
    if made.root is None or made.indirect or not isinstance(made.args, tuple):
        return ""
    name = made.root.canonical
    explodes = _EXPLODES.get(name) or (_is_sized if _SIZED.fullmatch(name) else None)
    return f"{made.name[:256]}{describe(made.args)}" if explodes and explodes(made.args) else ""


def _is_fraction(args: tuple[Any, ...]) -> bool:
    """A fraction is written out: its exponent is that many digits."""
    return any(_exponent(arg) > _MOST_DIGITS for arg in args)


def _exponent(arg: Any) -> int:
    while isinstance(arg, Call) and isinstance(arg.args, tuple) and arg.args:
        arg = arg.args[0]
    found = _EXPONENT.search(as_text(arg) or "")
    digits = found[1].replace("_", "").lstrip("+-").lstrip("0") if found else ""
    return int(digits[:10] or "0") if len(digits) <= 10 else _MOST_DIGITS + 1


def _is_product(args: tuple[Any, ...]) -> bool:
    numbers = [arg for arg in args if type(arg) is int]
    if len(numbers) == len(args):
        return sum(number.bit_length() for number in numbers) > 4 * _MOST_DIGITS
    return max(numbers, default=0) > _MOST_COPIES and any(isinstance(arg, _COPIED) for arg in args)


def _is_power(args: tuple[Any, ...]) -> bool:
    if len(args) != 2 or not all(type(arg) is int for arg in args):
        return False
    base, exponent = args
    return bool(abs(base) > 1 and base.bit_length() * max(exponent, 0) > 4 * _MOST_DIGITS)


def _is_shift(args: tuple[Any, ...]) -> bool:
    return len(args) == 2 and all(type(arg) is int for arg in args) and args[1] > 4 * _MOST_DIGITS


def _is_sized(args: tuple[Any, ...]) -> bool:
    """Sizes one by one, or in a tuple."""
    sizes = args[0] if args and isinstance(args[0], tuple | list) else args
    numbers = [size for size in sizes if type(size) is int]
    return bool(numbers) and len(numbers) <= 64 and abs(prod(numbers)) > _MOST_ELEMENTS


def _is_endless(args: tuple[Any, ...]) -> bool:
    """What is walked through is made by counting."""
    return any(isinstance(arg, Call) and _counts(arg) for arg in args)


def _counts(made: Call) -> bool:
    name = made.root.canonical if made.root is not None and not made.indirect else ""
    if name in ("builtins.range", "builtins.xrange") and isinstance(made.args, tuple):
        return max((abs(arg) for arg in made.args if type(arg) is int), default=0) > _MOST_ELEMENTS
    return name in ("itertools.count", "itertools.cycle", "itertools.repeat")


_COPIED = (str, list, tuple, Bytes, Text, Bag)
_EXPLODES: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "fractions.Fraction": _is_fraction,
    **dict.fromkeys(("operator.mul", "_operator.mul", "operator.imul", "_operator.imul"), _is_product),
    **dict.fromkeys(("operator.pow", "_operator.pow", "operator.ipow", "_operator.ipow", "builtins.pow"), _is_power),
    **dict.fromkeys(("operator.lshift", "_operator.lshift", "operator.ilshift", "_operator.ilshift"), _is_shift),
    **dict.fromkeys(("builtins.bytes", "builtins.bytearray"), lambda args: _is_sized(args) or _is_endless(args)),
    **dict.fromkeys((f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "dict", "sum")), _is_endless),
    **dict.fromkeys((f"collections.{name}" for name in ("deque", "Counter", "OrderedDict")), _is_endless),
}
