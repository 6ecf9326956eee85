"""Progress: rewritten on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from sandbox import progress as progress_module
from sandbox.progress import Progress


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Stream]:
    """Puts a stream of that kind in the place of standard error; during the test, since pytest has its own before."""

    def put(kind: str) -> Stream:
        stream = Stream(terminal=kind == "terminal")
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return put


def tell(*, quiet: bool) -> None:
    with Progress(quiet=quiet) as progress:
        progress.say("reading")
        progress.copied(1_000_000)
        progress.say("loading")


def test_elsewhere_each_stage_is_a_plain_line(stderr: Callable[[str], Stream]) -> None:
    file = stderr("file")
    tell(quiet=False)
    assert file.getvalue() == "reading\nloading\n"


def test_on_a_terminal_the_line_is_rewritten_and_cleared(stderr: Callable[[str], Stream]) -> None:
    terminal = stderr("terminal")
    tell(quiet=False)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines[1] == "reading"
    assert lines[2].startswith("reading: 1 MB written, ")
    assert lines[3:] == ["loading", ""]


def test_quiet_says_nothing(stderr: Callable[[str], Stream]) -> None:
    terminal = stderr("terminal")
    tell(quiet=True)
    assert terminal.getvalue() == ""


def test_a_line_is_not_rewritten_more_often_than_eyes_can_see(
    stderr: Callable[[str], Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = stderr("terminal")
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: 100.0)
    with Progress(quiet=False) as progress:
        for nbytes in range(1000):
            progress.copied(nbytes)
    assert terminal.getvalue().count("written") == 1


@pytest.mark.parametrize("kind", ["terminal", "file"])
def test_a_hostile_name_in_a_stage_is_harmless(stderr: Callable[[str], Stream], kind: str) -> None:
    stream = stderr(kind)
    with Progress(quiet=False) as progress:
        progress.say("reading \x1b[2Jmodel\n\u202e.pt")
        progress.copied(1)
    assert stream.getvalue().replace("\r\x1b[K", "").removesuffix("\n").isprintable()
