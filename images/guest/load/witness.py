"""What the loaded object's tensors are now: name, dtype, shape and digest of each, as the loader sees them.

All of it comes from hostile memory. A difference from the plan is a finding; agreement lowers none.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import blake3
import wire

from guest import made
from guest.apart import Names
from guest.load import exported, numpy_look, torch_parts, torchscript
from guest.load.stand_ins import StandIn
from guest.naming import (
    TUPLE_PARTS,
    Branch,
    Leaf,
    NamingError,
    Shards,
    attributes_branch,
    is_module,
    module_branch,
    shards_branch,
    walk,
)

Form = tuple[str, tuple[int, ...], str]  # of a tensor: dtype, shape, digest

_AT_ONCE = 1 << 18  # bytes of rows in one write
_NODES, _DEPTH = 5_000_000, 1_000
_NOT_ENTERED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, str, bytes, int, float)
_SET_REASON = "an element of a set: it has no place, so no name"

_TORCH = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "uint16": "U16",
    "int32": "I32",
    "uint32": "U32",
    "int64": "I64",
    "uint64": "U64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
}


def _loaded(name: str) -> Any:
    """A framework, when the load needed it; importing it now would be noise."""
    return sys.modules.get(name)


def look(node: Any) -> Leaf | Branch | None:
    """A tensor, or what is inside, or None."""
    torch, numpy = _loaded("torch"), _loaded("numpy")
    if torch and isinstance(node, torch.Tensor):
        return _tensor(node)
    if numpy and isinstance(node, numpy.ndarray):
        only = numpy_look.only_object(node)
        return numpy_look.array(node) if only is None else look(only)
    for inside in (torchscript.inside, exported.inside):
        held = inside(node)
        if held is not None:
            return look(held)
    return next((see(node) for kinds, see in _INSIDE if isinstance(node, kinds)), None)


def _tensor(node: Any) -> Leaf | Branch:
    """Whole, or as its parts; what doesn't even tell its form is left to whoever asks for its bytes."""
    try:
        inside = torch_parts.parts(node)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        inside = None
    return Leaf(node) if inside is None else Branch(inside.items())


def _mapping(node: dict[Any, Any]) -> Branch:
    return Branch([*_keyed(node.items()), *attributes_branch(getattr(node, "__dict__", {})).children])


def _keyed(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    return ((_key(key), value) for key, value in pairs)


def _key(key: Any) -> Any:
    """A key as the readers see it: numpy's numbers and texts are numbers and texts, torch's sizes are tuples."""
    torch, numpy = _loaded("torch"), _loaded("numpy")
    if numpy and isinstance(key, numpy.generic):
        return key.item() if key.dtype.kind in "biufSU" else key
    if type(key) is tuple or (torch and isinstance(key, torch.Size)):
        return tuple(map(_key, key[:TUPLE_PARTS]))
    return key


def _sequence(node: list[Any] | tuple[Any, ...] | deque[Any]) -> Branch:
    """By its base's own means: a subclass's may do anything, as platform.uname()'s starts a program."""
    kind: Any = next(kind for kind in (list, tuple, deque) if isinstance(node, kind))
    return Branch(enumerate(kind.__iter__(node)))


def _set(node: set[Any] | frozenset[Any]) -> Branch:
    return Branch((), [(at, item, _SET_REASON) for at, item in enumerate(node)])


def _object(node: object) -> Branch:
    asked = numpy_look.asked(node)
    if asked is not None:
        return asked
    state: Any = getattr(node, "__dict__", None)
    if state is None:
        state = _pickled(node)
    return module_branch(state) if is_module(state) else attributes_branch(state)


def _pickled(node: object) -> object:
    """The state that an object of a class written in C, or of one with slots, would be pickled with."""
    if type(node).__module__ == "builtins":
        return None
    with contextlib.suppress(Exception):
        return node.__reduce_ex__(4)[2]
    return None


def _stand_in(node: StandIn) -> Branch:
    """As the reader names the same object: pairs, items, then arguments and states."""
    children: list[tuple[Any, Any]] = [
        *_keyed(node.stand_in_pairs),
        *enumerate(node.stand_in_items),
        *node.stand_in_arguments,
    ]
    left_out: list[tuple[Any, Any, str]] = []
    for state in (vars(node), *node.stand_in_states):
        inner = made.state(type(node).stand_in_name, state)
        children += inner.children
        left_out += inner.left_out
    return Branch(children, left_out)


_INSIDE: tuple[tuple[Any, Callable[[Any], Branch | None]], ...] = (
    (StandIn, _stand_in),
    (dict, _mapping),
    (Shards, lambda node: shards_branch(node, look)),
    ((list, tuple, deque), _sequence),
    ((set, frozenset), _set),
    (_NOT_ENTERED, lambda _node: None),
    (object, _object),
)


def _bytes_of(tensor: Any) -> tuple[str, tuple[int, ...], Any]:
    """dtype, shape and a buffer of the contiguous little-endian bytes. Raises KeyError for what has no such form."""
    torch = _loaded("torch")
    if torch and isinstance(tensor, torch.Tensor):
        dtype = _TORCH[str(tensor.dtype).removeprefix("torch.")]
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise KeyError(str(tensor.layout))
        flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
        flat = flat.as_strided(flat.shape, (1,))  # a single element is contiguous whatever its stride, but not viewable
        return dtype, tuple(tensor.shape), flat.view(torch.uint8).numpy() if flat.numel() else b""
    numpy = _loaded("numpy")
    array = numpy.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
    return _TORCH[array.dtype.name], tuple(tensor.shape), array.reshape(-1).view(numpy.uint8) if array.size else b""


def _tensors(root: object, budget: int) -> Iterator[tuple[str, str, tuple[int, ...], Any]]:
    """Every tensor below the root that has a form safetensors knows, up to so many bytes of them: a few bytes, expanded
    under many names, would keep us hashing for days."""
    names = Names()
    for named in walk(root, look, nodes=_NODES, depth=_DEPTH):
        if named.left_out:
            continue
        try:
            budget -= int(named.value.nbytes)
            if budget < 0:
                raise NamingError("they are more bytes than an honest file's could be")
            dtype, shape, buffer = _bytes_of(named.value)
        except (KeyError, RuntimeError, TypeError, ValueError, MemoryError):
            continue  # quantized, sparse, meta, structured: the plan leaves them out, too, and says so
        name = names.own(named.name, _identity(named.value, dtype, shape))
        if name is not None:
            yield name, dtype, shape, buffer


def _identity(tensor: Any, dtype: str, shape: tuple[int, ...]) -> Hashable:
    """Which bytes it is a view of, and how: as the plan tells one tensor from another."""
    if 0 in shape:
        return dtype, shape
    torch = _loaded("torch")
    seen: tuple[Hashable, ...]
    if torch and isinstance(tensor, torch.Tensor):
        seen = (tensor.data_ptr(), tensor.stride(), tensor.is_conj(), tensor.is_neg())
    else:
        seen = (tensor.__array_interface__["data"][0], tensor.strides)
    return dtype, shape, seen


def testify(root: object, send: Callable[[bytes], None], known: list[str] | None, budget: int) -> dict[str, Form]:
    """Send a WITNESS row for each tensor; with `known`, the bytes of those whose name isn't among them, too.

    `budget`: bytes of tensors to look at, at the most. The last word says how many rows there were, and what lacks.
    Returns what was sent, by name.
    """
    plan, rows, made, gap = set(known or ()), 0, 0, ""
    sent: dict[str, Form] = {}
    held = bytearray()
    try:
        for name, dtype, shape, buffer in _tensors(root, budget):
            digest = blake3.blake3(buffer).hexdigest()
            held += wire.encode(wire.Kind.WITNESS, wire.Witness(name, dtype, shape, digest))
            if len(held) > _AT_ONCE or known is not None:
                send(bytes(held))
                held.clear()
            rows += 1
            sent[name] = (dtype, shape, digest)
            if known is not None and name not in plan:
                send(wire.encode(wire.Kind.RETURNED, wire.Returned(made, name, dtype, shape)))
                _send_bytes(send, made, memoryview(buffer))
                made += 1
    except (NamingError, RecursionError) as error:
        gap = str(error)[:512] or "the object is nested too deeply"
    send(bytes(held) + wire.encode(wire.Kind.TESTIFIED, wire.Testified(rows, gap)))
    return sent


def forms(root: object, budget: int) -> dict[str, Form]:
    """The tensors as they are now, as far as they can be named within the bounds."""
    found: dict[str, Form] = {}
    with contextlib.suppress(NamingError, RecursionError):
        for name, dtype, shape, buffer in _tensors(root, budget):
            found[name] = (dtype, shape, blake3.blake3(buffer).hexdigest())
    return found


def _send_bytes(send: Callable[[bytes], None], index: int, buffer: memoryview) -> None:
    for start in range(0, len(buffer), wire.MAX_DATA):
        send(wire.data(wire.Kind.RETURNED_DATA, index, bytes(buffer[start : start + wire.MAX_DATA])))


def prepare() -> None:
    """Do once, before arming, what would make noise later."""
    blake3.blake3(b"").hexdigest()
