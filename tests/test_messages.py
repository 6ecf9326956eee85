"""Every error that a user can see comes from one table, and reads as one line: what happened; what to do."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import messages
from sandbox.errors import CallerError, EvidenceError, HostError, MismatchError, SandboxError, UnpreparedError
from sandbox.messages import MESSAGES
from sandbox.report.neutral import MARK

SANDBOX = Path(messages.__file__).parent
TABLED = {
    kind.__name__ for kind in (SandboxError, CallerError, EvidenceError, HostError, MismatchError, UnpreparedError)
}
TREES = {
    str(path.relative_to(SANDBOX)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(SANDBOX.rglob("*.py"))
    if path not in (SANDBOX / "messages.py", SANDBOX / "errors.py") and "_bundle" not in path.parts
}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Where, what is called, the call."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{name}:{node.lineno}", ast.unparse(node.func), node


ERRORS = [(where, call) for where, called, call in calls() if called == "messages.error"]


def fields(key: str) -> set[str]:
    row = MESSAGES[key]
    parsed = string.Formatter().parse(f"{row.happened} {row.remedy}")
    return {field for _, field, _, _ in parsed if field is not None}


def sample(key: str) -> dict[str, object]:
    """Values of the types that the templates want."""
    row = MESSAGES[key]
    parsed = string.Formatter().parse(f"{row.happened} {row.remedy}")
    return {field: 1.5 if spec else "some text" for _, field, spec, _ in parsed if field}


def test_no_error_is_made_beside_the_table() -> None:
    assert [where for where, called, _ in calls() if called.rpartition(".")[2] in TABLED] == []


def test_no_bare_error_class_is_raised() -> None:
    raised = [node.exc for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    assert [ast.unparse(exc) for exc in raised if isinstance(exc, ast.Name) and exc.id in TABLED] == []


def test_every_row_is_used() -> None:
    constants = {
        node.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(MESSAGES.keys() - constants) == []


@pytest.mark.parametrize(("where", "call"), ERRORS, ids=[where for where, _ in ERRORS])
def test_a_call_gives_its_row_exactly_the_values_that_it_shows(where: str, call: ast.Call) -> None:
    (key,) = call.args
    given = {keyword.arg for keyword in call.keywords}
    if isinstance(key, ast.Constant):
        assert given == fields(key.value)
    else:  # a row of a table of keys
        assert not given


@pytest.mark.parametrize("key", MESSAGES)
def test_a_message_is_one_line_with_both_halves(key: str) -> None:
    error = messages.error(key, **sample(key))
    assert type(error) is MESSAGES[key].kind
    assert str(error) == f"{error.happened}; {error.remedy}"
    assert str(error).isprintable()
    for half in (error.happened, error.remedy):
        assert half
        assert half == half.strip()
        assert not half.endswith(".")


@pytest.mark.parametrize("key", MESSAGES)
def test_hostile_text_stays_on_its_line(key: str) -> None:
    values = {
        name: value if isinstance(value, float) else "a\n\x1b[31mb\u202e\udcff" for name, value in sample(key).items()
    }
    error = messages.error(key, **values)
    assert str(error).isprintable()
    assert "\x1b" not in str(error)


def test_text_is_cut() -> None:
    assert len(str(messages.error("pip.failed", why="x" * 100_000))) < 400


def test_line_breaks_become_blanks_and_controls_are_marked() -> None:
    assert messages.error("pip.failed", why="one\n  two\x07.").happened == f"pip failed: one two{MARK}"
