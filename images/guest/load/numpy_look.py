"""How the witness looks at numpy's arrays, and at objects of the frameworks beside it: as the readers name them."""

from __future__ import annotations

import sys
from typing import Any

from guest import made
from guest.naming import Branch, Leaf

# Whose objects keep what they hold where attributes don't show it; they are asked how they would be pickled.
_ASKED = ("numpy.random.", "pandas.", "sklearn.", "scipy.")


def array(node: Any) -> Leaf | Branch | None:
    """One tensor, several named ones, or none."""
    masks = sys.modules.get("numpy.ma")
    if masks is not None and isinstance(node, masks.MaskedArray):
        return Branch([("data", masks.getdata(node)), ("mask", masks.getmaskarray(node))])
    dtype = node.dtype
    if dtype.hasobject:
        return Branch(enumerate(node.ravel().tolist()))
    plain = node.view(sys.modules["numpy"].ndarray)
    if dtype.names is not None:
        return Branch([(name, plain[name]) for name in dtype.names])
    if dtype.name == "complex128":
        return Branch([("real", plain.real), ("imag", plain.imag)])
    if dtype.kind in "mM":
        return Leaf(plain.view(f"{dtype.byteorder}i8"))
    return None if dtype.kind in "SUV" else Leaf(node)


def only_object(node: Any) -> object | None:
    """What an array without dimensions wraps, which is how numpy saves one object; None when it is no such array."""
    if node.shape or node.dtype != object:
        return None
    held: object = node.item()
    return None if isinstance(held, sys.modules["numpy"].ndarray) else held


def asked(node: object) -> Branch | None:
    """The parts of a framework's object; None when it is none, or doesn't say."""
    kind = type(node)
    module = f"{kind.__module__}."
    if not module.startswith(_ASKED) or (kind.__dictoffset__ and kind.__reduce__ is object.__reduce__):
        return None
    try:
        how = node.__reduce_ex__(2)
        maker, arguments, state = (*how, None)[:3]
        name = f"{maker.__module__}.{maker.__qualname__}"
        inner = made.state(f"{kind.__module__}.{kind.__qualname__}", state)
        return Branch([*made.arguments(name, arguments), *inner.children], inner.left_out)
    except Exception:  # an object that can't be pickled
        return None
