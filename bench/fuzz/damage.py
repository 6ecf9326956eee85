"""Changes to pickles that know what an instruction is: each takes chance and a program, and gives a stream."""

from __future__ import annotations

import pickletools
import random
import struct
from collections.abc import Callable

from bench.fuzz import mutations
from bench.fuzz.pickles import Op, pack

_CODES = [opcode.name for opcode in pickletools.opcodes]
_ARGUMENT = {opcode.name: opcode.arg.name if opcode.arg else "" for opcode in pickletools.opcodes}
_COUNTS = {"1": "B", "4": "I", "8": "Q"}
_NUMBERS = (
    b"1_0",
    b" 1",
    b"+1",
    b"1 ",
    b"0x1f",
    b"010",
    b"0b1",
    b"1\x00",
    b"",
    b"-",
    b"01L",
    b"9" * 5000,
    b"1e999",
    b"-1",
)
_DEEP = (1, 50, 300, 1000, 20_000)


def split(stream: bytes) -> list[Op]:
    """The instructions of a stream, as far as it has any; what is behind them is lost."""
    ops: list[Op] = []
    try:
        places = [(opcode.name, at) for opcode, _, at in pickletools.genops(stream) if at is not None]
    except (ValueError, OverflowError, IndexError, UnicodeDecodeError):
        return ops
    for (name, at), (_, end) in zip(places, [*places[1:], ("", len(stream))], strict=True):
        ops.append(Op(name, stream[at + 1 : end]))
    return ops


def _at(chance: random.Random, ops: list[Op]) -> int:
    return chance.randrange(len(ops))


def _truncated(chance: random.Random, ops: list[Op]) -> bytes:
    raw = pack(ops)
    return raw[: chance.randrange(len(raw))]


def _dropped(chance: random.Random, ops: list[Op]) -> bytes:
    at = _at(chance, ops)
    return pack(ops[:at] + ops[at + chance.choice((1, 1, 3)) :])


def _repeated(chance: random.Random, ops: list[Op]) -> bytes:
    at = _at(chance, ops)
    return pack(ops[:at] + [ops[at]] * chance.choice((2, 2, 100)) + ops[at:])


def _swapped(chance: random.Random, ops: list[Op]) -> bytes:
    changed = list(ops)
    one, other = _at(chance, ops), _at(chance, ops)
    changed[one], changed[other] = changed[other], changed[one]
    return pack(changed)


def _inserted(chance: random.Random, ops: list[Op]) -> bytes:
    """An opcode that takes no argument, wherever it falls."""
    at = _at(chance, ops)
    bare = [name for name in _CODES if not _ARGUMENT[name]]
    return pack([*ops[:at], Op(chance.choice(bare)), *ops[at:]])


def _renamed(chance: random.Random, ops: list[Op]) -> bytes:
    """Another opcode with an argument of the same form."""
    at = _at(chance, ops)
    alike = [name for name in _CODES if _ARGUMENT[name] == _ARGUMENT[ops[at].name]]
    return pack([*ops[:at], Op(chance.choice(alike), ops[at].argument), *ops[at + 1 :]])


def _chosen(chance: random.Random, ops: list[Op], names: Callable[[str], bool]) -> int | None:
    places = [at for at, op in enumerate(ops) if names(op.name)]
    return chance.choice(places) if places else None


def _miscounted(chance: random.Random, ops: list[Op]) -> bytes:
    """A length at an extreme, or a little off."""
    at = _chosen(chance, ops, lambda name: _ARGUMENT[name][-1:] in _COUNTS and bool(_ARGUMENT[name]))
    if at is None:
        return _truncated(chance, ops)
    op = ops[at]
    count = struct.Struct(f"<{_COUNTS[_ARGUMENT[op.name][-1]]}")
    most = (1 << (8 * count.size)) - 1
    said = int.from_bytes(op.argument[: count.size], "little")
    lie = chance.choice((0, said + 1, said - 1, most, most >> 1, (most >> 1) + 1, 4096, 4097, 1 << 20))
    return pack([*ops[:at], Op(op.name, count.pack(lie & most) + op.argument[count.size :]), *ops[at + 1 :]])


def _holed(chance: random.Random, ops: list[Op]) -> bytes:
    """Places of the memo that nobody filled, negative ones, enormous ones."""
    at = _chosen(chance, ops, lambda name: name.removeprefix("LONG_").removeprefix("BIN") in ("PUT", "GET"))
    if at is None:
        return _inserted(chance, ops)
    form = _ARGUMENT[ops[at].name]
    places = (0, 1, 7, 255, 256, 70_000, (1 << 31) - 1, (1 << 32) - 1)
    if form == "decimalnl_short":
        argument = chance.choice((*(b"%d" % place for place in (*places, -1, 1 << 63, 1 << 70)), *_NUMBERS)) + b"\n"
    else:
        size = int(form[-1])
        argument = (chance.choice(places) & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
    return pack([*ops[:at], Op(ops[at].name, argument), *ops[at + 1 :]])


def _misspelled(chance: random.Random, ops: list[Op]) -> bytes:
    """A number in text that some readers take and others don't."""
    at = _chosen(chance, ops, lambda name: _ARGUMENT[name] in ("decimalnl_short", "decimalnl_long", "floatnl"))
    spelled = chance.choice(_NUMBERS) + b"\n"
    if at is None:
        return pack([Op(chance.choice(("INT", "LONG", "FLOAT")), spelled), *ops])
    return pack([*ops[:at], Op(ops[at].name, spelled), *ops[at + 1 :]])


def _torn(chance: random.Random, ops: list[Op]) -> bytes:
    """A frame that ends anywhere: inside of an instruction, of another frame, beyond the stream."""
    at = _at(chance, ops)
    behind = len(pack(ops[at:]))
    length = chance.choice((0, 1, behind, behind - 1, behind + 1, chance.randrange(behind + 1), (1 << 64) - 1, 1 << 40))
    return pack([*ops[:at], Op("FRAME", struct.pack("<Q", length)), *ops[at:]])


def _protocol(chance: random.Random, ops: list[Op]) -> bytes:
    at = chance.choice((0, _at(chance, ops)))
    return pack([*ops[:at], Op("PROTO", bytes([chance.choice((0, 1, 2, 3, 4, 5, 6, 255))])), *ops[at:]])


def _deep(chance: random.Random, ops: list[Op]) -> bytes:
    """Thousands of one opcode."""
    at, times = _at(chance, ops), chance.choice(_DEEP)
    inner = chance.choice((b"]", b"(", b"(l", b"}", b"\x85", b"2\x86", b"N", b"N\x85", b"\x8f", b"0", b")", b"2"))
    ends = b"a" * (times - 1) if inner == b"]" and chance.random() < 0.5 else b""
    return pack(ops[:at]) + inner * times + ends + pack(ops[at:])


_SELVES = (
    b"]q\x07h\x07a",  # a list in itself
    b"}q\x07(K\x01h\x07u",  # a dictionary
    b"]q\x07h\x07\x85a",  # a list by way of a tuple
    b"(lp9\n(g9\nta",
    b"}q\x07K\x01]q\x08h\x07ah\x08as",
    b"\x8fq\x07(h\x07\x90",  # a set, which can't
)


def _recursive(chance: random.Random, ops: list[Op]) -> bytes:
    at = _at(chance, ops)
    return pack(ops[:at]) + chance.choice(_SELVES) + pack(ops[at:])


def _exploding(chance: random.Random, ops: list[Op]) -> bytes:
    """A few bytes each, twice as many things to walk."""
    at, levels = _at(chance, ops), chance.choice((3, 12, 40, 90))
    kind = chance.choice((b"](h%ch%ce", b"h%ch%c\x86", b"(K\x01h%cK\x02h%cd"))
    body = b"]q\x00" + b"".join(kind % (level, level) + b"q%c" % (level + 1) for level in range(levels))
    return pack(ops[:at]) + body + pack(ops[at:])


def _followed(chance: random.Random, ops: list[Op]) -> bytes:
    raw = pack(ops)
    return raw + chance.choice((raw, raw[: len(raw) // 2], b"\0" * 9, b".", b"N.", chance.randbytes(20)))


def _flipped(chance: random.Random, ops: list[Op]) -> bytes:
    return mutations.flipped(chance, pack(ops))


_WAYS = (
    *(_truncated, _dropped, _repeated, _swapped, _inserted, _renamed, _miscounted, _holed, _misspelled),
    *(_torn, _protocol, _deep, _recursive, _exploding, _followed, _flipped),
)


def damaged(chance: random.Random, ops: list[Op]) -> bytes:
    """One change, sometimes another to what it left."""
    raw = chance.choice(_WAYS)(chance, ops)
    again = split(raw) if chance.random() < 0.25 and len(raw) < 1 << 14 else []
    return chance.choice(_WAYS)(chance, again) if again else raw
