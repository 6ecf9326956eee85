"""Few bytes that become megabytes of rows: what is quick for one row must be quick for thousands, and small."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from typing import Any

from bench.fuzz.conversation import LOAD, SALVAGE, Conversation
from bench.fuzz.frames import Frame, join, random_frame, repaired
from bench.fuzz.mutations import HOSTILE_TEXTS
from sandbox.untrusted import wire
from sandbox.untrusted.session import ALLOWED, MOST, NEXT, Phase
from sandbox.untrusted.wire import Kind

_ROWS_BYTES = 6 << 20  # of one kind
_META_BYTES = 16 << 20
_WAY = (Kind.HELLO, Kind.PLAN_END, Kind.READ_END, Kind.READER_GONE, Kind.ARMED, Kind.LOADED)
_WAY_OUT = (Kind.TESTIFIED, Kind.LOADER_GONE, Kind.END)
_LENGTHS = (4096, 1024, 512, 256, 64, 32, 16)  # of texts and lists; the longest that the wire takes is taken
_UNITS = (
    "'",
    '"',
    "/",
    "/.",
    "a.",
    "A_.",
    "os.",
    "(",
    "a, ",
    "__",
    " ",
    "\n",
    "e\u0301",
    "\u202e",
    "é",
    "😀",
    ".",
    "1",
)
_ITEMS = ("[]", "{}", "1", '{"a":1}', "0.1", "")  # of a list in the metadata; the last stands for the text
_DEEP = 90
KINDS = tuple(sorted({Kind.TENSOR, Kind.META, *MOST}))


def recipe(chance: random.Random, _pool: Sequence[bytes]) -> bytes:
    """What to flood with, as a line of JSON."""
    unit = chance.choice((*_UNITS, *HOSTILE_TEXTS))[:64]
    front = chance.choice(("", "", "(", "builtins.", "/home/user/"))
    name = chance.choice(("", "builtins.getattr", "torch.nn.Module", "functools.partial", "posix.system"))
    told = {"kind": int(chance.choice(KINDS)), "unit": unit, "front": front, "name": name, "chance": chance.random()}
    return json.dumps(told | {"item": chance.choice(_ITEMS), "fill": chance.choice((0.7, 1.0))}).encode("ascii")


def conversation(raw: bytes) -> bytes:
    """The conversation that the recipe makes; bytes that are none make the empty one."""
    try:
        told = json.loads(raw)
        kind, texts = Kind(told["kind"]), (str(told["front"]), str(told["unit"]), str(told["name"]))
        chance, item, fill = random.Random(str(told["chance"])), str(told["item"]), float(told["fill"])
    except (ValueError, KeyError, TypeError):
        return b""
    many = _metadata(item or json.dumps(texts[1])) if kind == Kind.META else _rows(chance, kind, texts, fill)
    return Conversation(LOAD | SALVAGE, bytes(64), join(_around(chance, kind, many))).pack()


def _around(chance: random.Random, kind: Kind, many: list[Frame]) -> list[Frame]:
    """A whole conversation with these at the first place where they may come."""
    said: list[Frame] = []
    phase, placed = Phase.START, False
    for step in (*_WAY, *_WAY_OUT):
        if not placed and kind in ALLOWED[phase]:
            said += many
            placed = True
        said.append(random_frame(chance, step))
        phase = NEXT[step]
    return repaired(said, bytes(64))


def _rows(chance: random.Random, kind: Kind, texts: tuple[str, str, str], fill: float) -> list[Frame]:
    front, unit, name = texts
    row = json.loads(random_frame(chance, kind)[1])
    for spec in dataclasses.fields(wire.ROWS[kind]):
        if spec.name == "name" and name:
            row[spec.name] = name
        elif chance.random() < fill:
            row[spec.name] = _longest(spec, row[spec.name], front, unit)
    size = len(json.dumps(row)) + 16
    return [_numbered(kind, row, number) for number in range(min(_ROWS_BYTES // size, MOST.get(kind, 200_000)))]


def _numbered(kind: Kind, row: dict[str, Any], number: int) -> Frame:
    """Rows that differ, so that none is taken for another."""
    marks = {"id": number, "offset": number} if kind == Kind.EVENT else {"offset": number}
    return kind, json.dumps(row | {key: mark for key, mark in marks.items() if key in row and key != "format"}).encode()


def _longest(spec: Any, old: Any, front: str, unit: str) -> Any:
    check = spec.metadata["check"]
    for length in _LENGTHS:
        text = (front + unit * length)[:length]
        candidates: dict[type, list[Any]] = {
            str: [text],
            list: [[999] * length, [text] * length],
            dict: [{"path": text, "target": text}],
        }
        fitting = [value for value in candidates.get(type(old), []) if check(value)]
        if fitting:
            return fitting[0]
    return old


def _metadata(item: str) -> list[Frame]:
    head = '{"format": "sandbox-load/metadata/1", "x": ' + "[" * _DEEP
    text = (head + f"{item}," * (_META_BYTES // (len(item) + 1)) + "1" + "]" * _DEEP + "}").encode("utf-8", "replace")
    return [(Kind.META, text[at : at + wire.MAX_PAYLOAD]) for at in range(0, len(text), wire.MAX_PAYLOAD)]
