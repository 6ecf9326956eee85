"""Byte-code of the guest's code: made once, never of other code or another user's, and used by a jail's processes."""

from __future__ import annotations

import marshal
import os
from pathlib import Path
from types import CodeType

import pytest
import torch

from sandbox.bundle import find
from sandbox.facts import ProcessEnd
from sandbox.jail import bytecode
from sandbox.jail.packages import BYTECODE
from tests.jail.conftest import Evaluate, hide_layers
from tests.jail.test_packages import Case

# The interpreter that makes it is the bubblewrap jail's.
pytestmark = pytest.mark.jail
DIGEST = "d" * 64
HEADER = 16


class Cached:
    """A cache, and code of one module for which it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "cache" / "sandbox-load"
        self.entry = self.base / f"{BYTECODE}{DIGEST}"

    def value(self, text: str, digest: str = DIGEST) -> tuple[object, ...]:
        """The constants of the byte-code that lies beside this module; none when there is no byte-code."""
        code = self.folder / f"code-{len(list(self.folder.iterdir()))}"
        (code / "guest").mkdir(parents=True)
        (code / "guest" / "x.py").write_text(text)
        (code / "guest" / "x.py").chmod(0o644)
        bytecode.add(code, digest, self.folder / "cache")
        made = code / "guest" / "__pycache__" / "x.cpython-311.pyc"
        return self._constants(made) if made.exists() else ()

    def _constants(self, made: Path) -> tuple[object, ...]:
        raw = made.read_bytes()
        assert raw[4:8] == b"\x01\0\0\0"  # by hash, unchecked
        assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o644, 0o755)
        compiled: CodeType = marshal.loads(raw[HEADER:])
        assert compiled.co_filename == "/code/guest/x.py"
        return compiled.co_consts


@pytest.fixture
def cached(tmp_path: Path) -> Cached:
    return Cached(tmp_path)


def test_it_is_made_once_for_a_digest_whatever_the_umask(cached: Cached) -> None:
    before = os.umask(0o077)
    try:
        assert 7777 in cached.value("x = 7777")
        assert 7777 in cached.value("x = 8888")  # which can't be: other code has another digest
    finally:
        os.umask(before)
    assert 8888 in cached.value("x = 8888", "e" * 64)
    assert {path.name for path in cached.base.iterdir()} == {f"{BYTECODE}{letter * 64}" for letter in "de"}


def test_what_stands_under_the_name_of_another_digest_is_not_used(cached: Cached) -> None:
    cached.value("x = 7777", "e" * 64)
    (cached.base / f"{BYTECODE}{'e' * 64}").rename(cached.entry)
    assert 8888 in cached.value("x = 8888")


@pytest.mark.parametrize("kept", [0, 10, 100, -1])
def test_a_half_written_one_is_made_anew(cached: Cached, kept: int) -> None:
    cached.value("x = 7777")
    cached.entry.write_bytes(cached.entry.read_bytes()[:kept])
    assert 8888 in cached.value("x = 8888")


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_one_that_others_can_write_is_made_anew(cached: Cached, mode: int) -> None:
    cached.value("x = 7777")
    cached.entry.chmod(mode)
    assert 8888 in cached.value("x = 8888")


def test_nothing_is_used_or_made_in_a_folder_that_others_can_write(cached: Cached) -> None:
    cached.value("x = 7777")
    cached.base.chmod(0o777)
    assert cached.value("x = 8888") == ()


def test_another_users_is_not_ours() -> None:
    mine = os.stat_result((0o100600, 0, 0, 1, os.geteuid(), 0, 0, 0, 0, 0))
    theirs = os.stat_result((0o100600, 0, 0, 1, os.geteuid() + 1, 0, 0, 0, 0, 0))
    assert bytecode._is_ours(mine)
    assert not bytecode._is_ours(theirs)


def test_where_no_cache_can_be_there_is_none(cached: Cached) -> None:
    (cached.folder / "cache").touch()
    assert cached.value("x = 8888") == ()


def test_code_that_does_not_compile_is_not_kept(cached: Cached) -> None:
    assert cached.value("x = ") == ()
    assert list(cached.base.iterdir()) == []


def test_the_oldest_and_what_was_interrupted_go(cached: Cached) -> None:
    cached.base.mkdir(parents=True, mode=0o755)
    (cached.base / f"{BYTECODE}tmp-killed").touch()
    os.utime(cached.base / f"{BYTECODE}tmp-killed", (1, 1))
    for letter in "abcde":
        cached.value("x = 7777", letter * 64)
        os.utime(cached.base / f"{BYTECODE}{letter * 64}", (ord(letter), ord(letter)))
    cached.value("x = 7777", "f" * 64)
    assert {path.name for path in cached.base.iterdir()} == {f"{BYTECODE}{letter * 64}" for letter in "cdef"}


def test_removing_the_packages_removes_it(tmp_path: Path) -> None:
    case = Case(tmp_path)
    Cached(tmp_path).value("x = 7777")
    case.packages.remove(case.said.append)
    assert not (tmp_path / "cache" / "sandbox-load").exists()


def test_the_reader_runs_it(evaluated: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proven by byte-code that is of other code than what lies beside it."""
    (tmp_path / "cache").mkdir()
    hide_layers(tmp_path / "cache", monkeypatch)
    (tmp_path / "code").mkdir()
    digest = find().write_code(tmp_path / "code")
    (tmp_path / "cache" / "sandbox-load" / f"{BYTECODE}{digest}").unlink(missing_ok=True)
    (tmp_path / "code" / "guest" / "readers" / "reading.py").write_text("raise SystemExit(77)")
    bytecode.add(tmp_path / "code", digest)
    torch.save({"w": torch.ones(2)}, tmp_path / "model.pt")
    end = evaluated(tmp_path / "model.pt", static=True).static.end
    assert isinstance(end, ProcessEnd)
    assert end.exit == 77
