"""Streams as lists of frames, and rows that a guest could send."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sandbox.bundle import find
from sandbox.judge.conditions import EventWhen, FactWhen, OddityWhen, TextWhen
from sandbox.policy import load
from sandbox.rulebook import read
from sandbox.untrusted import wire
from sandbox.untrusted.session import ALLOWED, NEXT, Phase
from sandbox.untrusted.wire import Kind
from sandbox.weights.dtypes import BITS, size_of

Frame = tuple[int, bytes]

_TRIES = 20
_MOST_DATA = 1 << 16  # bytes that `repaired` sends for one tensor


def split(stream: bytes) -> tuple[list[Frame], bytes]:
    """Its frames, and what is left when one is not whole."""
    frames = []
    at = 0
    while len(stream) - at >= wire.HEADER.size:
        number, length = wire.HEADER.unpack_from(stream, at)
        if len(stream) - at - wire.HEADER.size < length:
            break
        at += wire.HEADER.size
        frames.append((number, stream[at : at + length]))
        at += length
    return frames, stream[at:]


def join(frames: Sequence[Frame], rest: bytes = b"") -> bytes:
    return b"".join(wire.HEADER.pack(number, len(payload)) + payload for number, payload in frames) + rest


@cache
def _vocabulary() -> dict[str, tuple[Any, ...]]:
    """For fields by name: what our own guest and tables call things, so that rows reach the rules."""
    bundle = find()
    known = read(bundle).rules
    watch = load("evaluate", bundle.configs).syscalls.watch
    kinds = [kind for sort in (EventWhen, TextWhen) for _, when in known.of(sort) for kind in when.kinds]
    return {
        "kind": (*(row.kind for row in watch), *kinds),
        "call": tuple(call for row in watch for call in row.calls),
        "answer": ("denied", "faked", "continued"),
        "dtype": tuple(BITS),
        "label": ("copied", "gathered", "decoded", "returned"),
        "use": (
            "reference",
            "reduce",
            "newobj",
            "obj",
            "inst",
            "build",
            "extend",
            "extension",
            "persistent",
            "subtype",
            "change",
            "kept",
        ),
        "opcode": ("REDUCE", "GLOBAL", "STACK_GLOBAL", "NEWOBJ"),
        "by": ("content", "extension"),
        "process": ("loader", "reader"),
        "stream": ("stdout", "stderr"),
        "observer": ("notify", "trace"),
        "id": tuple(glob for _, when in known.of(OddityWhen) for glob in when.ids),
        "format": (*known.formats, "pickle"),
        "name": (*known.names.exact, "model.weight", "w", "b", "é", "日本"),
        "names": tuple(known.names.exact),
        "how": ("", "base64", "base64 > zlib"),
        "what": tuple(when.fact for _, when in known.of(FactWhen)),
        "key": ("argv", "name", "address", "port", "path", "value", "family", "target", "size"),
    }


_TEXTS = ("", "a", "sh -c id", "/etc/shadow", "203.0.113.7", "0.5", "53", "/home/user/.ssh/id_rsa", "{subject} %s")


def _text(chance: random.Random, name: str) -> str:
    return str(chance.choice(_vocabulary().get(name, _TEXTS)))


def _count(chance: random.Random, _name: str) -> int:
    return chance.choice((0, 1, 1, 2, 4, 8, 64, 1000, 1 << 20, wire.MAX_SIZE))


_VALUES: dict[str, Any] = {
    "int": _count,
    "bool": lambda chance, _: chance.random() < 0.5,
    "float": lambda chance, _: chance.choice((0.0, 0.5, 1.5, 60.0)),
    "str": _text,
    "tuple[int, ...]": lambda chance, _: [chance.choice((0, 1, 1, 2, 3)) for _ in range(chance.randrange(4))],
    "tuple[float, ...]": lambda chance, _: [chance.choice((0.0, 0.5, 60.0)) for _ in range(chance.randrange(4))],
    "tuple[str, ...]": lambda chance, name: [_text(chance, name) for _ in range(chance.randrange(3))],
    "dict[str, int]": lambda chance, _: {_text(chance, "kind"): _count(chance, "") for _ in range(chance.randrange(3))},
    "dict[str, str]": lambda chance, _: {_text(chance, "key"): _text(chance, "") for _ in range(chance.randrange(4))},
}


def random_frame(chance: random.Random, kind: Kind) -> Frame:
    """One that the wire takes, more often than not."""
    if kind in wire.RAW or kind not in wire.ROWS:
        return kind, wire.DATA_HEAD.pack(chance.randrange(3)) + chance.randbytes(chance.randrange(1, 40))
    row = {spec.name: _value(chance, spec) for spec in dataclasses.fields(wire.ROWS[kind])}
    return kind, json.dumps(row).encode("ascii")


def _value(chance: random.Random, spec: Any) -> Any:
    """One that the field takes, if a few tries find one."""
    for _ in range(_TRIES):
        value = _VALUES[str(spec.type)](chance, spec.name)
        if spec.metadata["check"](value):
            break
    return value


def random_stream(chance: random.Random) -> list[Frame]:
    """A conversation that keeps to the order of frames, and sometimes leaves it."""
    frames: list[Frame] = []
    phase = Phase.START
    for _ in range(chance.randrange(4, 60)):
        allowed = sorted(ALLOWED[phase]) if chance.random() > 0.005 else list(Kind)
        if not allowed:
            break
        onwards = [kind for kind in allowed if kind in NEXT]
        kind = chance.choice(onwards if onwards and chance.random() < 0.2 else allowed)
        frames.append(random_frame(chance, kind))
        phase = NEXT.get(kind, phase)
    return frames


def _row(frame: Frame) -> dict[str, Any]:
    try:
        row = json.loads(frame[1])
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _items(row: dict[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    return value if isinstance(value, list) else []


def _nbytes(row: dict[str, Any]) -> int:
    try:
        return size_of(row["dtype"], tuple(row["shape"]))
    except (KeyError, TypeError, ValueError):
        return 0


def _with(frame: Frame, **changes: Any) -> Frame:
    row = _row(frame)
    return (frame[0], json.dumps(row | changes).encode("ascii")) if row else frame


def repaired(frames: Sequence[Frame], model: bytes) -> list[Frame]:
    """The same with counts, totals, digests and tensor bytes that agree, so that a change in one row is not refused
    for what another says."""
    tensors = [_row(frame) for frame in frames if frame[0] == Kind.TENSOR]
    digest = hashlib.sha256()
    for ranges in (_row(frame) for frame in frames if frame[0] == Kind.RANGES):
        for offset, length in zip(_items(ranges, "offsets"), _items(ranges, "lengths"), strict=False):
            if type(offset) is type(length) is int and 0 <= offset <= offset + length <= len(model):
                digest.update(model[offset : offset + length])
    sent = [(at, _nbytes(row)) for at, row in enumerate(tensors) if row.get("label") in ("gathered", "decoded")]
    totals = {"tensors": len(tensors), "nbytes": sum(map(_nbytes, tensors))}
    witnesses = sum(frame[0] == Kind.WITNESS for frame in frames)
    changes: dict[int, dict[str, Any]] = {
        Kind.PLAN_END: totals,
        Kind.READ_END: {"sha256": digest.hexdigest(), "size": len(model)},
        Kind.TESTIFIED: {"rows": witnesses},
    }
    return list(_repaired(frames, changes, sent))


def _repaired(
    frames: Sequence[Frame], changes: dict[int, dict[str, Any]], sent: Sequence[tuple[int, int]]
) -> Iterator[Frame]:
    index = 0
    for frame in frames:
        if frame[0] == Kind.TENSOR:
            yield _with(frame, index=index)
            index += 1
        elif frame[0] == Kind.PLAN_END:
            yield _with(frame, **changes[Kind.PLAN_END])
            yield from (
                (Kind.DATA, wire.DATA_HEAD.pack(at) + bytes(max(0, min(size, _MOST_DATA)))) for at, size in sent if size
            )
        elif frame[0] != Kind.DATA:
            yield _with(frame, **changes[frame[0]]) if frame[0] in changes else frame
