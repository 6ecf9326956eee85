"""Objects as keys: those that keep a function are told where they are hashed, all others are silent."""

from __future__ import annotations

import pytest

from tests.guest.readers.reading_results import Result
from tests.guest.readers.test_restored import Read
from tests.malicious.pickles import Opcodes, call, literal, named, stream

_RUN = named("acme", "run")


def _object(state: object) -> Opcodes:
    return Opcodes(named("acme", "Proxy") + b")\x81" + literal(state) + b"b")


_PROXY = _object({"target": _RUN, "args": ("id",)})
_BOUND = _object({"target": call("functools", "partial", named("acme", "Net"), "id")})


def _told(found: Result) -> bool:
    return "key.kept" in found.oddities


@pytest.mark.parametrize("key", [_PROXY, _BOUND])
@pytest.mark.parametrize(
    "into",
    [
        lambda key: Opcodes(b"}" + key + b"Ns"),
        lambda key: Opcodes(b"}(" + key + b"Nu"),
        lambda key: Opcodes(b"(" + key + b"Nd"),
        lambda key: Opcodes(b"}" + literal((1, key)) + b"Ns"),
        lambda key: Opcodes(b"\x8f(" + key + b"\x90"),
        lambda key: Opcodes(b"(" + key + b"\x91"),
        lambda key: call("builtins", "set", [key]),
        lambda key: call("collections", "OrderedDict", [(key, 1)]),
        lambda key: Opcodes(named("acme", "Dict") + b")\x81" + key + b"Ns"),
    ],
)
def test_a_key_that_keeps_a_function_is_told(into: object, key: Opcodes, read: Read) -> None:
    assert callable(into)
    assert _told(read(stream(into(key), 4), ".pkl"))


@pytest.mark.parametrize(
    "key",
    [
        _object({"name": "a b", "dtype": named("torch", "float16"), "kind": named("acme", "Net")}),
        call("acme", "Mode", "train"),
        call("builtins", "getattr", named("acme", "Mode"), "TRAIN"),
        call("datetime", "date", b"\x07\xe8\x01\x02"),
        call("functools", "partial", _RUN, "id"),
        _RUN,
    ],
)
def test_other_keys_are_silent(key: Opcodes, read: Read) -> None:
    assert not _told(read(stream(Opcodes(b"}" + key + b"Ns"), 4), ".pkl"))


def test_what_a_value_keeps_is_not_hashed(read: Read) -> None:
    assert not _told(read(stream({"a": _PROXY}, 4), ".pkl"))
