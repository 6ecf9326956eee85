"""Changes to bytes, to JSON and to frames. Each takes chance and gives the changed thing back."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from bench.fuzz.frames import Frame, join, random_frame, repaired, split
from sandbox.untrusted import wire
from sandbox.untrusted.wire import Kind

HOSTILE_TEXTS = (
    "\x1b[2J\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://203.0.113.7\x07click\x1b]8;;\x07",
    "\x9b31m",
    "\r\nCLEAN: nothing to see",
    "\nfindings  critical: forged",
    "\u2028CLEAN: forged",
    "\u202egnp.exe",
    "\u2066\u2069\u200b\u200d\ufeff\u00ad",
    "\U000e0041\U000e007f",
    "\ud800",
    "\udfff\ud800",
    "\0",
    "\x7f\x80\x85",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    '=HYPERLINK("http://203.0.113.7")',
    "a" + "\u0301" * 50,
    "\ufdfa" * 20,
    "{0} {subject} %s %n $(id) `id`",
    "../../etc/passwd",
    "__metadata__",
    "'\"\\",
    " " * 300,
    "x" * wire.MAX_NAME,
    "x" * (wire.MAX_NAME + 1),
    "\U0001f600" * 300,
)
NUMBERS = (0, 1, -1, 2, 7, 255, 256, 4096, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, (1 << 63) - 1)
_BEYOND = (1 << 63, -(1 << 63), 1 << 64, 10**40, 0.5, -0.0, 1e308, 1e-320)
_OTHERS: tuple[Any, ...] = (None, True, False, [], {}, "", [[]], {"a": {}}, [None] * 70, ["x"] * 5000)


def _text(chance: random.Random, old: str) -> str:
    hostile = chance.choice(HOSTILE_TEXTS)
    return chance.choice((hostile, old + hostile, hostile + old, old[: len(old) // 2] + hostile + old[len(old) // 2 :]))


def _number(chance: random.Random, old: float) -> Any:
    near = (old + 1, old - 1, old * 2, -old)
    return chance.choice((*near, *NUMBERS, *_BEYOND) if chance.random() < 0.3 else (*near, *NUMBERS))


def value(chance: random.Random, old: Any) -> Any:
    """Another value, mostly of the same type."""
    if chance.random() < 0.1:
        return chance.choice((*_OTHERS, *_BEYOND))
    change = _OF_TYPE.get(type(old))
    return change(chance, old) if change else chance.choice(_OTHERS)


def _list(chance: random.Random, old: list[Any]) -> list[Any]:
    new = list(old)
    at = chance.randrange(len(new) + 1)
    act = chance.randrange(4)
    if act == 0 or not new:
        new.insert(at, chance.choice((0, 1, "x", new[0] if new else 2)))
    elif act == 1:
        new.pop(at - 1)
    elif act == 2:
        new *= chance.choice((2, 70))
    else:
        new[at - 1] = value(chance, new[at - 1])
    return new[:10_000]


def _object(chance: random.Random, old: dict[str, Any]) -> dict[str, Any]:
    new = dict(old)
    key = chance.choice(list(new)) if new else "a"
    act = chance.randrange(10)
    if act == 0:
        new[_text(chance, key)] = new.pop(key, 1)
    elif act == 1:
        new.pop(key, None)
    elif act == 2:
        new[_text(chance, "")] = 1
    else:
        new[key] = value(chance, new.get(key))
    return new


_OF_TYPE: dict[type, Callable[[random.Random, Any], Any]] = {
    bool: lambda _, old: not old,
    int: _number,
    float: _number,
    str: _text,
    list: _list,
    dict: _object,
}


def _twice(text: str) -> str:
    key = re.search(r'"[^"]*":', text)
    return text.replace("{", "{" + key[0] + "1,", 1) if key else text


def _token(chance: random.Random, text: str) -> str:
    """A number or a word in it becomes what JSON doesn't have, or has in excess."""
    found = list(re.finditer(r"-?\d+(\.\d+)?|true|false|null", text))
    if not found:
        return text
    at = chance.choice(found)
    word = chance.choice(
        ("NaN", "-Infinity", "1e999", "9" * 5000, "0x10", "01", "+1", "1.", "[" * 3000, '{"a":' * 3000)
    )
    return text[: at.start()] + word + text[at.end() :]


def json_text(chance: random.Random, raw: bytes) -> bytes:
    """Another JSON text, or what only looks like one."""
    act = chance.random()
    try:
        text = raw.decode("utf-8")
        if act < 0.8:
            return json.dumps(value(chance, json.loads(text))).encode("ascii")
    except (ValueError, RecursionError):
        return flipped(chance, raw)
    if act < 0.9:
        return _token(chance, text).encode("utf-8")
    return chance.choice((_twice(text).encode("utf-8"), b"\xef\xbb\xbf" + raw, raw + b"\0", flipped(chance, raw)))


def flipped(chance: random.Random, raw: bytes) -> bytes:
    """Bytes changed, put in, taken out."""
    changed = bytearray(raw or b"\0")
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(changed))
        act = chance.randrange(4)
        if act == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif act == 1:
            changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif act == 2:
            changed[at:at] = chance.randbytes(chance.choice((1, 4, 100)))
        else:
            del changed[at : at + chance.choice((1, 4, 100))]
            changed = changed or bytearray(b"\0")
    return bytes(changed)


def spliced(chance: random.Random, raw: bytes, other: bytes) -> bytes:
    """The front of one and the back of another."""
    return raw[: chance.randrange(len(raw) + 1)] + other[chance.randrange(len(other) + 1) :]


Frames = list[Frame]


def _drop(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    at = chance.randrange(len(frames))
    return frames[:at] + frames[at + chance.choice((1, 1, 3)) :]


def _repeat(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    at = chance.randrange(len(frames))
    return frames[:at] + [frames[at]] * chance.choice((2, 3, 40)) + frames[at + 1 :]


def _move(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    rest = list(frames)
    frame = rest.pop(chance.randrange(len(rest)))
    rest.insert(chance.randrange(len(rest) + 1), frame)
    return rest


def _cut(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    return frames[: chance.randrange(len(frames))]


def _splice(chance: random.Random, frames: Frames, other: Frames) -> Frames:
    start = chance.randrange(len(other) + 1)
    taken = other[start : start + chance.choice((1, 3, 1000))]
    at = chance.randrange(len(frames) + 1)
    return frames[:at] + taken + (frames[at:] if chance.random() < 0.5 else [])


def _kind(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    at = chance.randrange(len(frames))
    number = chance.choice((*Kind, 0, 15, 40, 255))
    return [*frames[:at], (number, frames[at][1]), *frames[at + 1 :]]


def _insert(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    at = chance.randrange(len(frames) + 1)
    return [*frames[:at], random_frame(chance, chance.choice(list(Kind))), *frames[at:]]


def _payload(chance: random.Random, frames: Frames, _other: Frames) -> Frames:
    at = chance.randrange(len(frames))
    number, payload = frames[at]
    change = flipped if number in wire.RAW and number != Kind.META else json_text
    return [*frames[:at], (number, change(chance, payload)), *frames[at + 1 :]]


_ON_FRAMES: tuple[Callable[[random.Random, Frames, Frames], Frames], ...] = (
    *(_drop, _repeat, _move, _cut, _splice, _kind, _insert),
    *(_payload,) * 7,
)


def _length(chance: random.Random, stream: bytes) -> bytes:
    """A frame that says it is longer or shorter than it is."""
    frames, rest = split(stream)
    if not frames:
        return flipped(chance, stream)
    at = chance.randrange(len(frames))
    number, payload = frames[at]
    said = chance.choice((0, 1, len(payload) + 1, max(0, len(payload) - 1), wire.MAX_PAYLOAD, wire.MAX_PAYLOAD + 1))
    broken = wire.HEADER.pack(number, said) + payload
    return join(frames[:at]) + broken + join(frames[at + 1 :], rest)


def stream(chance: random.Random, raw: bytes, other: bytes, model: bytes) -> bytes:
    """Another stream of frames, made from two."""
    act = chance.random()
    if act < 0.05:
        return flipped(chance, raw)
    if act < 0.1:
        return _length(chance, raw)
    frames, rest = split(raw)
    others, _ = split(other)
    for _ in range(chance.choice((1, 1, 2, 4))):
        frames = frames or [random_frame(chance, Kind.HELLO)]
        frames = chance.choice(_ON_FRAMES)(chance, frames, others)
    if chance.random() < 0.6:
        frames = repaired(frames, model)
    return join([(number, payload[: wire.MAX_PAYLOAD]) for number, payload in frames], rest)


def pick(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    return chance.choice(pool) if pool else b""
