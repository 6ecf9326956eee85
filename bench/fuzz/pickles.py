"""Pickles made by chance from pickletools' table of opcodes: programs that keep to the rules of the stack machine.

The generator is the machine with sorts in place of values: an opcode is ready when what it takes is there.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.fuzz.literals import ARGUMENTS, LITERALS, OPCODES, UNHASHABLE
from bench.fuzz.vocabulary import CLASSES, MODULE

_LONGEST = 60  # opcodes of one program, before it is brought to its end
_DEPTH = 40  # of values in each other, so that any comparison may recurse


@dataclass(frozen=True)
class Op:
    """One instruction: the opcode's name, and the bytes behind its code."""

    name: str
    argument: bytes = b""

    def pack(self) -> bytes:
        return OPCODES[self.name].code.encode("latin-1") + self.argument


@dataclass
class Slot:
    """What is known of a value on the stack."""

    sort: str
    hashable: bool = True
    depth: int = 0


@dataclass
class _Program:
    """The machine so far."""

    chance: random.Random
    protocol: int
    ops: list[Op] = field(default_factory=list)
    frames: list[list[Slot]] = field(default_factory=lambda: [[]])  # one for each open MARK, and one below them
    memo: dict[int, Slot] = field(default_factory=dict)

    @property
    def stack(self) -> list[Slot]:
        return self.frames[-1]

    def emit(self, name: str, argument: bytes = b"") -> None:
        self.ops.append(Op(name, argument))

    def push(self, sort: str, parts: list[Slot] | None = None, *, hashable: bool = True) -> None:
        depth = 1 + max((part.depth for part in parts), default=0) if parts is not None else 0
        self.stack.append(Slot(sort, hashable, depth))

    def may(self, name: str) -> bool:
        return OPCODES[name].proto <= self.protocol

    def top(self, *sorts: str) -> bool:
        return bool(self.stack) and self.stack[-1].sort in sorts


def _literal(program: _Program, name: str) -> None:
    argument = OPCODES[name].arg
    program.emit(name, ARGUMENTS[argument.name](program.chance) if argument else b"")
    sort = LITERALS[name]
    program.push(sort, hashable=sort not in UNHASHABLE)


# What moves things about. Each: whether it is ready, and what it does.


def _mark(program: _Program) -> None:
    program.emit("MARK")
    program.frames.append([])


def _closes(sort: str) -> Callable[[_Program, str], None]:
    def act(program: _Program, name: str) -> None:
        items = program.frames.pop()
        program.emit(name)
        hashable = sort not in UNHASHABLE and all(item.hashable for item in items)
        program.push(sort, items, hashable=hashable)

    return act


def _dict_ready(program: _Program) -> bool:
    keys = program.stack[::2]
    return len(program.frames) > 1 and len(program.stack) % 2 == 0 and all(key.hashable for key in keys)


def _marked(program: _Program) -> bool:
    return len(program.frames) > 1


def _hashable_marked(program: _Program) -> bool:
    return _marked(program) and all(item.hashable for item in program.stack)


def _tuple(program: _Program, name: str) -> None:
    count = int(name[-1])
    items = [program.stack.pop() for _ in range(count)]
    program.emit(name)
    program.push("tuple", items, hashable=all(item.hashable for item in items))


def _below(program: _Program, *sorts: str) -> bool:
    return len(program.frames) > 1 and bool(program.frames[-2]) and program.frames[-2][-1].sort in sorts


def _into(program: _Program, items: list[Slot]) -> None:
    """The top of the stack holds these from now on: it is as deep as they, and a key no more when they are none."""
    target = program.stack[-1]
    target.depth = max([target.depth, *(item.depth + 1 for item in items)])


def _append(program: _Program, name: str) -> None:
    item = program.stack.pop()
    program.emit(name)
    _into(program, [item])


def _extend(program: _Program, name: str) -> None:
    items = program.frames.pop()
    program.emit(name)
    _into(program, items)


def _setitem(program: _Program, name: str) -> None:
    value, key = program.stack.pop(), program.stack.pop()
    program.emit(name)
    _into(program, [value, key])


_TAKES_ITEMS = ("list", "thing")
_TAKES_PAIRS = ("dict", "mapping", "thing")
_TAKES_ELEMENTS = ("set", "thing")


def _memo_at(program: _Program, name: str) -> int:
    if name == "MEMOIZE":
        return len(program.memo)
    return program.chance.choice((len(program.memo), 0, 200, 255 if name == "BINPUT" else 300))


_INDEX: dict[str, Callable[[int], bytes]] = {
    "PUT": lambda at: b"%d\n" % at,
    "GET": lambda at: b"%d\n" % at,
    "BINPUT": lambda at: bytes([at]),
    "BINGET": lambda at: bytes([at]),
    "LONG_BINPUT": lambda at: struct.pack("<I", at),
    "LONG_BINGET": lambda at: struct.pack("<I", at),
    "MEMOIZE": lambda _: b"",
}


def _put(program: _Program, name: str) -> None:
    at = _memo_at(program, name)
    if name == "BINPUT" and at > 255:
        return
    program.emit(name, _INDEX[name](at))
    program.memo[at] = program.stack[-1]


def _get(program: _Program, name: str) -> None:
    places = [at for at in program.memo if name != "BINGET" or at < 256]
    if places:
        at = program.chance.choice(places)
        program.emit(name, _INDEX[name](at))
        program.stack.append(program.memo[at])


def _dup(program: _Program, name: str) -> None:
    program.emit(name)
    program.stack.append(program.stack[-1])


def _pop(program: _Program, name: str) -> None:
    program.emit(name)
    if program.stack:
        program.stack.pop()
    else:
        program.frames.pop()


def _pop_mark(program: _Program, name: str) -> None:
    program.emit(name)
    program.frames.pop()


def _frame(program: _Program, name: str) -> None:
    """A frame's length is put right when the program is whole."""
    program.emit(name, struct.pack("<Q", 0))


# Names and calls.


def name_global(program: _Program, module: str, name: str) -> None:
    """STACK_GLOBAL where the protocol has it; GLOBAL has no dots in its names before that."""
    if program.may("STACK_GLOBAL") and ("." in name or program.chance.random() < 0.7):
        for part in (module, name):
            program.emit("SHORT_BINUNICODE", bytes([len(part)]) + part.encode("ascii"))
        program.emit("STACK_GLOBAL")
    else:
        program.emit("GLOBAL", f"{module}\n{name}\n".encode("ascii"))


def _class(program: _Program, name: str) -> None:
    """A class or a function, as its user will find it on the stack."""
    dotted = ("Outer.Inner",) if name == "STACK_GLOBAL" else ()
    chosen = program.chance.choice((*CLASSES, *dotted, "function"))
    name_global(program, MODULE, chosen)
    program.push("function" if chosen == "function" else "class")


def _instance(program: _Program, name: str) -> None:
    """INST takes its class from its argument, its own arguments from the stack."""
    items = program.frames.pop()
    program.emit(name, f"{MODULE}\n{program.chance.choice(CLASSES)}\n".encode("ascii"))
    program.push("thing", items)


def _object_ready(program: _Program) -> bool:
    return _marked(program) and bool(program.stack) and program.stack[0].sort == "class"


def _called(program: _Program, name: str) -> None:
    """REDUCE, NEWOBJ and NEWOBJ_EX of what lies there."""
    taken = [program.stack.pop() for _ in range(3 if name == "NEWOBJ_EX" else 2)]
    program.emit(name)
    program.push("thing", taken)


def _build(program: _Program, name: str) -> None:
    state = program.stack.pop()
    program.emit(name)
    _into(program, [state])


def _sorts(program: _Program) -> tuple[str, ...]:
    return tuple(slot.sort for slot in program.stack[-2:])


def _known(program: _Program, _name: str) -> None:
    """A call of the standard library's that the reader gives a value, with arguments as picklers write them."""
    module, callee, arguments, sort = program.chance.choice(_KNOWN)
    if not all(program.may(op.name) for op in arguments):
        return
    old = program.protocol < 3
    module = {"builtins": "__builtin__", "copyreg": "copy_reg"}.get(module, module) if old else module
    name_global(program, module, callee)
    program.ops += arguments
    program.emit("REDUCE")
    program.push(sort, [], hashable=sort not in UNHASHABLE)


def _text(text: str) -> Op:
    return Op("BINUNICODE", struct.pack("<I", len(text.encode())) + text.encode())


_M, _T = Op("MARK"), Op("TUPLE")
_PAIR = (_M, _text("k"), Op("BININT1", b"\x07"), _T)
_THING = Op("GLOBAL", f"{MODULE}\nThing\n".encode("ascii"))
_BASE = Op("GLOBAL", b"__builtin__\nobject\n")
_KNOWN: tuple[tuple[str, str, tuple[Op, ...], str], ...] = (
    ("collections", "OrderedDict", (Op("EMPTY_TUPLE"),), "mapping"),
    ("collections", "OrderedDict", (_M, _M, *_PAIR, *_PAIR, Op("LIST"), _T), "mapping"),
    (
        "collections",
        "Counter",
        (_M, Op("EMPTY_DICT"), _text("k"), Op("BININT1", b"\x02"), Op("SETITEM"), _T),
        "mapping",
    ),
    ("collections", "defaultdict", (_M, Op("NONE"), _T), "mapping"),
    ("builtins", "set", (_M, _M, Op("BININT1", b"\x01"), _text("e"), Op("LIST"), _T), "set"),
    ("builtins", "frozenset", (_M, _M, Op("BININT1", b"\x01"), _text("e"), Op("LIST"), _T), "frozen"),
    ("builtins", "bytearray", (_M, _text("\xe9a"), _text("latin-1"), _T), "bytearray"),
    ("builtins", "bytearray", (_M, Op("SHORT_BINBYTES", b"\x02\x00\xff"), _T), "bytearray"),
    ("_codecs", "encode", (_M, _text("\xe9a"), _text("latin1"), _T), "bytes"),
)


def _keywords(program: _Program, _name: str) -> None:
    """The third thing that NEWOBJ_EX takes."""
    program.ops += (Op("EMPTY_DICT"), _text("key"), Op("BININT1", b"\x05"), Op("SETITEM"))
    program.push("kwargs", [], hashable=False)


def _reconstructed(program: _Program, _name: str) -> None:
    """Protocols 0 and 1: an object made beside its class's constructor."""
    program.emit("GLOBAL", b"copy_reg\n_reconstructor\n")
    program.ops += (_M, _THING, _BASE, Op("NONE"), _T)
    program.emit("REDUCE")
    program.push("thing", [])


@dataclass(frozen=True)
class _Action:
    ready: Callable[[_Program], bool]
    act: Callable[[_Program, str], None]
    weight: int = 4


_CALLS = {(sort, "tuple") for sort in ("class", "function", "thing")}


def _always(_program: _Program) -> bool:
    return True


def _something(program: _Program) -> bool:
    return bool(program.stack)


def _has(count: int) -> Callable[[_Program], bool]:
    return lambda program: len(program.stack) >= count


def _item_ready(program: _Program) -> bool:
    return len(program.stack) > 1 and program.stack[-2].sort in _TAKES_ITEMS


def _setitem_ready(program: _Program) -> bool:
    return len(program.stack) > 2 and program.stack[-3].sort in _TAKES_PAIRS and program.stack[-2].hashable


def _setitems_ready(program: _Program) -> bool:
    return _below(program, *_TAKES_PAIRS) and _dict_ready(program)


def _newobj_ex_ready(program: _Program) -> bool:
    return len(program.stack) > 2 and [slot.sort for slot in program.stack[-3:]] == ["class", "tuple", "kwargs"]


ACTIONS: dict[str, _Action] = {
    **{name: _Action(_always, _literal, 6 if name == "EMPTY_SET" else 2) for name in LITERALS},
    "MARK": _Action(_always, lambda program, _: _mark(program), 10),
    "LIST": _Action(_marked, _closes("list"), 6),
    "TUPLE": _Action(_marked, _closes("tuple"), 8),
    "DICT": _Action(_dict_ready, _closes("dict"), 8),
    "FROZENSET": _Action(_hashable_marked, _closes("frozen"), 6),
    **{f"TUPLE{count}": _Action(_has(count), _tuple, 6) for count in (1, 2, 3)},
    "APPEND": _Action(_item_ready, _append, 10),
    "APPENDS": _Action(lambda program: _below(program, *_TAKES_ITEMS), _extend, 40),
    "ADDITEMS": _Action(lambda program: _below(program, *_TAKES_ELEMENTS) and _hashable_marked(program), _extend, 60),
    "SETITEM": _Action(_setitem_ready, _setitem, 12),
    "SETITEMS": _Action(_setitems_ready, _extend, 60),
    **{name: _Action(_something, _put, 3) for name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")},
    **{name: _Action(_always, _get, 4) for name in ("GET", "BINGET", "LONG_BINGET")},
    "DUP": _Action(_something, _dup),
    "POP": _Action(lambda program: len(program.stack) > 1 or _marked(program), _pop, 1),
    "POP_MARK": _Action(_marked, _pop_mark, 1),
    "FRAME": _Action(_always, _frame, 2),
    "GLOBAL": _Action(_always, _class, 8),
    "STACK_GLOBAL": _Action(_always, _class, 8),
    "INST": _Action(_marked, _instance, 6),
    "OBJ": _Action(_object_ready, _closes("thing"), 40),
    "REDUCE": _Action(lambda program: _sorts(program) in _CALLS, _called, 20),
    "NEWOBJ": _Action(lambda program: _sorts(program) == ("class", "tuple"), _called, 50),
    "NEWOBJ_EX": _Action(_newobj_ex_ready, _called, 300),
    "BUILD": _Action(lambda program: len(program.stack) > 1 and program.stack[-2].sort == "thing", _build, 20),
    "READONLY_BUFFER": _Action(lambda program: program.top("bytes"), lambda program, name: program.emit(name), 4),
}
# What `pickle.loads` alone can't give a value, and what begins and ends a program.
NOT_GENERATED = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "PROTO", "STOP"})
assert set(ACTIONS) | NOT_GENERATED == set(OPCODES)
_ACTS = {
    **ACTIONS,
    "known": _Action(_always, _known, 8),
    "keywords": _Action(lambda program: program.protocol >= 4 and _sorts(program) == ("class", "tuple"), _keywords, 50),
    "old object": _Action(lambda program: program.protocol < 3, _reconstructed, 3),
}


def program(chance: random.Random, protocol: int) -> list[Op]:
    """A whole program of a protocol: `pickle.loads` takes it, and what it makes is harmless."""
    made = _Program(chance, protocol)
    if protocol >= 2:
        made.emit("PROTO", bytes([protocol]))
    usable = [name for name in _ACTS if name not in OPCODES or made.may(name)]
    for _ in range(chance.randrange(1, _LONGEST)):
        if len(made.ops) > _LONGEST or any(slot.depth > _DEPTH for slot in made.stack[-3:]):
            break
        ready = [name for name in usable if _ACTS[name].ready(made)]
        name = chance.choices(ready, [_ACTS[name].weight for name in ready])[0]
        _ACTS[name].act(made, name)
    _end(made)
    return _framed(chance, made.ops)


def _end(made: _Program) -> None:
    """One value is left, which holds what is there."""
    while len(made.frames) > 1:
        name = made.chance.choice([name for name in ("LIST", "TUPLE", "DICT") if ACTIONS[name].ready(made)])
        ACTIONS[name].act(made, name)
    if not made.stack:
        _literal(made, "NONE")
    while made.may("TUPLE2") and len(made.stack) > 1:
        _tuple(made, "TUPLE2")
    made.emit("STOP")


def _framed(chance: random.Random, ops: list[Op]) -> list[Op]:
    """Every frame ends where an opcode does, and inside of the one that it stands in."""
    ends = [0]
    for op in ops:
        ends.append(ends[-1] + len(op.pack()))
    done: list[Op] = []
    outer = 0
    for number, op in enumerate(ops):
        after = ends[number + 1]
        if op.name == "FRAME":
            most = outer if outer > after else ends[-1]
            end = chance.choice([end for end in ends[number + 1 :] if end <= most])
            outer = max(outer, end)
            op = Op("FRAME", struct.pack("<Q", end - after))  # noqa: PLW2901 - the same one, whole
        done.append(op)
    return done


def pack(ops: list[Op]) -> bytes:
    """The stream."""
    return b"".join(op.pack() for op in ops)
