"""Audit events worth telling, within their room, each with its stack; nothing hostile is called on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
import wire
from guest.load import hints, unpickler

WRITES = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Hints that are asked directly: an audit hook couldn't be taken away again."""
    monkeypatch.setattr(unpickler, "current", "posix.system")
    rows: list[wire.Hint] = []
    made = hints.Hints(rows.append)
    return SimpleNamespace(rows=rows, hear=made._hear, renew=made.renew)


@pytest.mark.parametrize(
    ("event", "args", "detail"),
    [
        ("os.system", (b"id",), "b'id'"),
        ("open", ("/home/user/x", "w", WRITES), f"'/home/user/x', 'w', {WRITES}"),
        ("open", ("/home/user/x", None, os.O_RDWR), f"'/home/user/x', {os.O_RDWR}"),
        ("import", ("socket", None, ["/env"], [], []), "'socket'"),
        ("import", ("urllib.request", None, [], [], []), "'urllib.request'"),
        ("socket.bind", (object(), ("127.0.0.1", 1)), "('127.0.0.1', 1)"),
    ],
)
def test_what_is_told(told: SimpleNamespace, event: str, args: tuple[Any, ...], detail: str) -> None:
    told.hear(event, args)
    (row,) = told.rows
    assert (row.what, row.detail, row.because) == (event, detail, "posix.system")


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("open", ("/env/torch/x.py", "r", os.O_RDONLY | os.O_CLOEXEC)),
        ("open", ("/env/torch/x.py", "r")),
        ("open", ()),
        ("import", ("torch.nn", None, [], [], [])),
        ("import", ()),
        ("compile", ("x", "y")),
        ("exec", (None,)),
        ("pickle.find_class", ("os", "system")),
    ],
)
def test_what_is_noise(told: SimpleNamespace, event: str, args: tuple[Any, ...]) -> None:
    told.hear(event, args)
    assert told.rows == []


def test_noise_of_one_kind_leaves_room_for_the_others_until_all_of_it_is_used(told: SimpleNamespace) -> None:
    for _ in range(1000):
        told.hear("os.kill", (1, 9))
    told.hear("os.system", (b"id",))
    assert [row.what for row in told.rows] == ["os.kill"] * hints._EACH + ["os.system"]
    for event in sorted(hints._TOLD):
        for _ in range(1000):
            told.hear(event, ())
    assert len(told.rows) == hints._MOST
    told.renew()
    told.hear("os.system", (b"id",))
    assert len(told.rows) == hints._MOST + 1


def made(name: object, file: object, act: Callable[[], None]) -> Callable[[], None]:
    """A function whose code says that it is called that, and stands there."""

    def calls() -> None:
        act()

    return FunctionType(calls.__code__.replace(co_name=name, co_filename=file), {}, closure=calls.__closure__)


def test_the_stack_is_the_callers_the_innermost_first(told: SimpleNamespace) -> None:
    inner = made("steal", "<string>", lambda: told.hear("os.system", (b"id",)))
    made("load", f"{hints._OURS}/loaders.py", made("outer", "/model.py", inner))()
    stack = told.rows[0].stack
    assert [line.partition(":")[0] for line in stack[1:3]] == ["<string>", "/model.py"]
    assert stack[1].endswith(" steal")
    assert "loaders.py" in stack[3]  # with the test's own frames around it, it isn't at the outer end
    assert len(stack) <= 16


def test_the_loader_s_own_frames_are_below_all_of_it(told: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "_getframe", lambda _depth: SimpleNamespace(f_back=frames("/model.py", "/c/a.py", "/c/b.py"))
    )
    monkeypatch.setattr(hints, "_OURS", "/c")
    told.hear("os.system", (b"id",))
    assert told.rows[0].stack == ("/model.py:7 f",)


def frames(*files: str) -> Any:
    frame = None
    for file in reversed(files):
        frame = SimpleNamespace(f_code=SimpleNamespace(co_filename=file, co_name="f"), f_lineno=7, f_back=frame)
    return frame


def test_where_nobody_called_there_is_none(told: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_getframe", lambda _depth: SimpleNamespace(f_back=None))
    told.hear("os.system", (b"id",))
    assert told.rows[0].stack == ()


class Sneaky(str):
    """Text whose every method is the attacker's."""

    __slots__ = ()

    def _act(self, *_: object) -> str:
        raise AssertionError("hostile code was called")

    __getitem__ = __str__ = __repr__ = __format__ = __len__ = startswith = __eq__ = _act  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


def test_a_name_that_is_no_plain_text_is_not_asked(told: SimpleNamespace) -> None:
    made(Sneaky("f"), Sneaky("x.py"), lambda: told.hear("os.system", (Sneaky("id"), b"id")))()
    row = told.rows[0]
    assert row.detail == "b'id'"
    assert row.stack[1].startswith("?:")
    assert row.stack[1].endswith(" ?")


def test_long_names_fit_the_wire(told: SimpleNamespace) -> None:
    def deep(left: int) -> None:
        deep(left - 1) if left else made("f" * 999, "x" * 9999, lambda: told.hear("os.system", ()))()

    deep(50)
    row = told.rows[0]
    assert wire.decode(wire.Kind.HINT, wire.encode(wire.Kind.HINT, row)[5:]) == row
    assert len(row.stack) == 16


def test_a_pipe_that_is_closed_stops_nothing() -> None:
    def closed(_row: wire.Hint) -> None:
        raise OSError(9, "closed")

    hints.Hints(closed)._hear("os.system", (b"id",))
