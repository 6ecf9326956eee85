"""The inert unpickler: what is reported of hostile streams, and that nothing of them ever runs."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result

Read = Callable[..., Result]


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_reported_and_not_made(read: Read, protocol: int) -> None:
    result = read(pickle.dumps(Calls(os.system, "echo ran > /tmp/ran"), protocol), ".pkl")
    (row,) = (row for row in result["GLOBAL"] if row.name.endswith(".system"))
    assert (row.use, row.indirect, row.opcode, row.count) == ("reduce", False, "REDUCE", 1)
    assert row.arguments == "('echo ran > /tmp/ran',)"
    assert result.end.complete


_LOAD = b"ctorch.storage\n_load_from_bytes\n"


@pytest.mark.parametrize(
    "stream",
    [
        b"cfunctools\npartial\n(" + _LOAD + b"C\x01xtR.",
        b"cfunctools\npartial\n(ctorch.nn.functional\nrelu\ntR(" + _LOAD + b"(C\x01xt}Ntb.",
        _LOAD + b"2(C\x01xtR.",
        _LOAD + b"q\x000ctypes\nMethodType\n(h\x00C\x01xtR.",
        b"(" + _LOAD + b"ccopyreg\n__newobj__\nl.",
        b"ctorch._tensor\n_rebuild_from_type_v2\n.",
        b"(" + _LOAD + b"h\x07",  # and then it breaks
    ],
)
def test_what_runs_what_it_is_given_is_told_when_it_is_handed_on(read: Read, stream: bytes) -> None:
    """A partial of it, called by some honest method, runs a pickle that nobody has read."""
    assert "pickle.handed" in read(stream, ".pkl").oddities


def test_what_runs_what_it_is_given_is_no_oddity_when_it_is_called(read: Read) -> None:
    inner = pickle.dumps([1], 2)
    called = b"(C" + bytes([len(inner)]) + inner + b"tR"
    result = read(b"(" + _LOAD + b"q\x00" + called + b"h\x00" + called + b"l.", ".pkl")
    assert "pickle.handed" not in result.oddities


def test_what_a_call_gives_back_is_called(read: Read) -> None:
    stream = b"cos\nsystem\n(S'a'\ntR(S'b'\ntR."
    rows = read(stream, ".pkl")["GLOBAL"]
    assert {(row.name, row.use, row.indirect, row.arguments) for row in rows} == {
        ("os.system", "reduce", False, "('a',)"),
        ("os.system", "reduce", True, "('b',)"),
    }


@pytest.mark.parametrize(
    ("stream", "use", "opcode"),
    [
        (b"(S'id'\nios\nsystem\n.", "inst", "INST"),
        (b"(cos\nsystem\nS'id'\no.", "obj", "OBJ"),
        (b"\x80\x02cos\nsystem\n(S'id'\nt\x81.", "newobj", "NEWOBJ"),
        (b"\x80\x04" + short("os") + short("system") + b"\x93)}\x92.", "newobj", "NEWOBJ_EX"),
        (b"\x80\x04" + short("os") + short("system") + b"\x93.", "reference", "STACK_GLOBAL"),
        (b"cos\nsystem\nN.", "reference", "GLOBAL"),
    ],
)
def test_every_way_to_use_a_global(read: Read, stream: bytes, use: str, opcode: str) -> None:
    (row,) = read(stream, ".pkl")["GLOBAL"]
    assert (row.name, row.use, row.opcode) == ("os.system", use, opcode)


def test_different_arguments_have_their_own_rows(read: Read) -> None:
    stream = b"(" + b"".join(b"cbuiltins\ngetattr\n(S'%s'\ntR0" % text for text in (b"a", b"b", b"a")) + b"l."
    rows = [(row.arguments, row.count) for row in read(stream, ".pkl")["GLOBAL"]]
    assert sorted(rows) == [("('a',)", 2), ("('b',)", 1)]


def test_a_long_argument_does_not_hide_the_next(read: Read) -> None:
    long = [["x" * 90] * 8] * 8
    (row,) = read(pickle.dumps(Calls(getattr, long, "system"), 2), ".pkl")["GLOBAL"]
    assert row.arguments.endswith("..., 'system')")


def test_more_arguments_than_rows_are_said_to_be_many(read: Read) -> None:
    stream = b"(" + b"".join(b"cbuiltins\ngetattr\n(I%d\ntR0" % number for number in range(100)) + b"l."
    rows = read(stream, ".pkl")["GLOBAL"]
    assert len(rows) == 65
    assert rows[-1].arguments == "(<all plain>, <bytes>)"  # as one list of words, numbers and bytes that say nothing
    assert rows[-1].count == 36


def test_more_arguments_that_say_something_than_rows_are_not_harmless(read: Read) -> None:
    stream = b"(" + b"".join(b"cbuiltins\ngetattr\n(S'os.%d/x'\ntR0" % number for number in range(100)) + b"l."
    rows = read(stream, ".pkl")["GLOBAL"]
    assert rows[-1].arguments == "<64 plain argument lists, and others>"


def test_many_arguments_of_which_one_is_made_by_a_call_are_not_plain(read: Read) -> None:
    calls = b"".join(b"cbuiltins\nfloat\n(I%d\ntR0" % number for number in range(64))
    rows = read(calls + b"cbuiltins\nfloat\n(cpkg\nThing\n)\x81tR.", ".pkl")["GLOBAL"]
    assert "<more than 64 different argument lists>" in {row.arguments for row in rows}


def test_class_like_use_by_way_of_copyreg(read: Read) -> None:
    stream = b"ccopy_reg\n_reconstructor\n(cpkg\nThing\nc__builtin__\nobject\nNtR(dS'w'\nI1\nsb."
    result = read(stream, ".pkl")
    assert result.uses("copy_reg._reconstructor") == {"reduce"}
    assert result.uses("pkg.Thing") == {"newobj", "build"}
    assert result["ODDITY"] == []
    assert b'"$object":"pkg.Thing","state":{"w":1}' in result.metadata


def test_a_known_function_that_calls_its_arguments(read: Read) -> None:
    stream = b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\ncpkg\nThing\n(S'id'\nt}tR."
    result = read(stream, ".pkl")
    assert result.uses("os.system") == {"reduce"}
    assert result.uses("pkg.Thing") == {"newobj"}


@pytest.mark.parametrize(
    ("stream", "oddity"),
    [
        (b"cpkg\nThing\n(dS'x'\nI1\nsb.", "pickle.patch"),
        (b"cpkg\nThing\nS'x'\nI1\ns.", "pickle.patch"),
        (b"cpkg\nThing\nI1\na.", "pickle.patch"),
        (b"I1\n(S'x'\ntR.", "pickle.callee"),
        (b"cpkg\nf\nI1\nR.", "pickle.arguments"),
        (b"\x80\x02\x82\x01.", "pickle.extension"),
        (b"(I1\nt}b.", "pickle.target"),
        (b"S'x'\nQ.", "pickle.persistent"),
        (b"I1\n.\x00\x01", "pickle.trailing"),
        (b"I1\n.\x00\x00", "trailing.padding"),
        (b"I1\n.\r\n", "trailing.padding"),
        (b"I1\n\x80\x02.", "pickle.protocol"),
        (b"I1\nI2\n.", "pickle.leftover"),
        (b"(I1\nI2\n.", "pickle.leftover"),
        (b"cpkg\nf\n)R0I2\n.", "pickle.dropped"),
        (b"(cpkg\nf\n)R1I2\n.", "pickle.dropped"),
        (b"I1\ncpkg\nf\n)R00I2\n.", "pickle.dropped"),
    ],
)
def test_oddities(read: Read, stream: bytes, oddity: str) -> None:
    assert oddity in read(stream, ".pkl").oddities


def test_globals_of_the_pickles_behind_the_first(read: Read) -> None:
    result = read(pickle.dumps({"a": 1}) + pickle.dumps(Calls(os.system, "x")), ".pkl")
    assert "reduce" in result.uses("posix.system")
    assert not result.oddities


@pytest.mark.parametrize("rest", [b"", b"\xff", b"R", b"(", b"X\xff\xff\xff\xffabc", b"\x95" + b"\xff" * 8])
def test_a_payload_before_a_broken_stream(read: Read, rest: bytes) -> None:
    whole = pickle.dumps(Calls(os.system, "x"), 2)
    result = read(whole[:-1] + b"0" + rest, ".pkl")
    assert "reduce" in result.uses("posix.system")
    assert not result.end.complete
    assert result["TENSOR"] == []


def test_a_payload_in_bytes_that_a_pickle_loads(read: Read) -> None:
    import torch

    inner = pickle.dumps(Calls(os.system, "x"), 2)
    result = read(pickle.dumps(Calls(torch.storage._load_from_bytes, inner), 4), ".pkl")
    assert "reduce" in result.uses("posix.system")


def test_names_of_python_2(read: Read) -> None:
    result = read(b"c__builtin__\nset\n(]tR.", ".pkl")
    assert result.uses("__builtin__.set") == {"reduce"}
    assert result.end.frameworks == ("builtins",)
    assert b'"root":{"$set":[]}' in result.metadata


def nest(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


@pytest.mark.parametrize(
    ("stream", "bounds", "sentence"),
    [
        (b"(" + b"N" * 100 + b"t.", Bounds(nodes=50), "more than 50"),
        (nest(5000), Bounds(depth=100), "nested more than 100"),
        (b"\x80\x04" + b"(" + short("x" * 200) * 50 + b"t.", Bounds(pickle_bytes=5000), "more than 5000 bytes"),
    ],
)
def test_bounds(read: Read, stream: bytes, bounds: Bounds, sentence: str) -> None:
    result = read(stream, ".pkl", bounds)
    assert sentence in result.end.reason
    assert not result.end.complete


def _shared(inner: bytes) -> bytes:
    """A list of two lists that are one, sixty times over, around what is given."""
    return (
        b"\x80\x02" + inner + b"q\x64" + b"".join(b"](h%ch%ceq%c" % (at, at, at + 1) for at in range(100, 160)) + b"."
    )


def test_shared_lists_that_explode_when_walked(read: Read) -> None:
    array = pickle.dumps(np.zeros(2), 2)[2:-1]
    result = read(_shared(array), ".pkl", Bounds(nodes=20_000, metadata_bytes=100_000))
    assert "than the bound allows" in result.end.reason
    assert "name.limit" in result.oddities
    assert len(result.metadata) <= 100_000


def test_shared_lists_without_a_tensor_are_walked_once(read: Read) -> None:
    result = read(_shared(b"]"), ".pkl", Bounds(nodes=100_000, metadata_bytes=100_000))
    assert result.end.complete
    assert "name.limit" not in result.oddities
    assert len(result.metadata) <= 100_000


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x02" + b"\x85" * 200_000 + b".",
        b"\x80\x02N" + b"\x85" * 200_000 + b".",
        b"\x80\x02}N" + b"\x85" * 200_000 + b"Ns.",
        b"\x80\x02N" + b"q\x00h\x00\x86" * 80 + b"}q\x01h\x00Ns.",
        b"\x80\x02cpkg\nf\n" + b")R" * 100_000 + b".",
        b"\x80\x02}]Ns.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"\x80\x02\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b".",
        b"\x80\x02\x8b\xff\xff\xff\xff.",
        b"\x80\x05\x97.",
        b"\x80\x05N\x98.",
        b"\x80\x06.",
        b".",
        b"t.",
        b"h\x05.",
        b"g-1\n.",
        b"V\\ud800\n.",
        b"c\xff\n\xff\n.",
        b"\x80\x04" + short("a") + b"N\x93.",
        b"}(I1\nu.",
        b"F\n.",
        b"Fnan\n.",
    ],
    ids=range(22),
)
def test_malformed_streams_end_in_a_sentence(read: Read, stream: bytes) -> None:
    result = read(stream, ".pkl")
    assert result.end.complete or result.end.reason


def frame(length: int) -> bytes:
    return b"\x95" + struct.pack("<Q", length)


def test_a_name_across_the_end_of_a_frame_is_two_names(read: Read) -> None:
    """CPython's own unpickler forgets, when it reads from a file, what stands before the frame's end."""
    stream = b"\x80\x04" + frame(4) + b"cxxxbuiltins\nlen\n."
    assert pickle.load(io.BytesIO(stream)) is len
    with pytest.raises(ModuleNotFoundError, match="xxxbuiltins"):
        pickle.loads(stream)
    result = read(stream, ".pkl")
    assert result.oddities == {"pickle.frame"}
    assert not result.end.complete


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x04" + frame(1) + b"N" + frame(1) + b".",
        b"\x80\x04" + frame(12) + b"N0" + frame(1) + b"N.",
        b"\x80\x04" + frame(0) + b"N.",
        b"\x80\x04" + frame(3) + b"N0N.",
        pickle.dumps([b"x" * 70_000, "y" * 70_000, *range(40_000)], 4),
        pickle.dumps([b"x" * 70_000, "y" * 5_000, *range(40_000)] * 3, 5),
    ],
    ids=range(6),
)
def test_frames_that_end_where_an_instruction_does(stream: bytes, read: Read) -> None:
    result = read(stream, ".pkl")
    assert (result.end.reason, result.oddities) == ("", set())


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x04" + frame(2) + b"N.N.",  # fine for this one, and nothing is left of it for the next
        b"\x80\x04" + frame(4) + b"N.N.",
        b"\x80\x04" + frame(5) + b"N0" + frame(3) + b"N0N.",
        b"\x80\x04" + frame(3) + b"X\x03\0\0\0abc.",
    ],
    ids=range(4),
)
def test_frames_that_end_elsewhere(stream: bytes, read: Read) -> None:
    assert ("pickle.frame" in read(stream, ".pkl").oddities) is (frame(2) not in stream)


@pytest.mark.parametrize(
    ("stream", "root"),
    [
        (b"\x80\x02ccollections\nOrderedDict\n}K\x01K\x02s\x85\x81.", b'"root":{}'),
        (b"\x80\x03cbuiltins\nset\n](K\x01e\x85\x81.", b'"root":{"$set":[]}'),
        (b"I010\n.", b'"root":8'),
        (b"I 1\n.", b'"root":true'),
        (b"L7\x009L\n.", b'"root":7'),
    ],
)
def test_values_are_those_of_the_standard_unpickler(stream: bytes, root: bytes, read: Read) -> None:
    result = read(stream, ".pkl")
    assert (result.end.reason, result.oddities) == ("", set())
    assert root in result.metadata


def test_the_content_of_a_default_dictionary_is_named(read: Read) -> None:
    array = pickle.dumps(np.arange(3.0), 2)[2:-1]
    result = read(b"\x80\x02ccollections\ndefaultdict\n(N}X\x01\0\0\0w" + array + b"stR.", ".pkl")
    assert [row.name for row in result["TENSOR"]] == ["w"]


@pytest.mark.parametrize(
    "stream",
    [b"\x8f(]\x90.", b"(]\x91.", b"Np-1\n.", b"L010L\n.", b"F 1\n.", b"F1_0\n.", b"F1e999\n.", b"I\n."],
)
def test_what_the_standard_unpickler_refuses_is_refused(stream: bytes, read: Read) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError, pickle.UnpicklingError)):
        pickle.loads(stream)
    assert not read(stream, ".pkl").end.complete
