"""What a hostile file can make the judge do grows as the file does, and no faster. Counted in calls, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from sandbox.facts import Evidence, GlobalUse
from sandbox.judge import judge
from sandbox.judge.arguments import Says, says
from sandbox.judge.words import are_keys, are_values
from tests.judge.rows import RULES, dynamic, event, use, uses
from tests.judge.test_verdict import SAID


def calls(work: Callable[[], object]) -> int:
    """How many functions it calls, Python's own among them."""
    count = 0

    def note(_frame: object, kind: str, _what: object) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def of_uses(make: Callable[[int], GlobalUse]) -> Callable[[int], Evidence]:
    return lambda count: uses(*(make(at) for at in range(count)))


MANY = {
    "unknown names": of_uses(lambda at: use(f"a{at}.B", arguments=f"('x{at}',)")),
    "names among arguments": of_uses(
        lambda at: use(f"b{at}.B", arguments="(" + ", ".join(f"c{at}.D{more}" for more in range(24)) + ")")
    ),
    "numbers": of_uses(lambda at: use(f"d{at}.B", arguments="(" + "1, " * 330 + f"{at})")),
    "words": of_uses(lambda at: use(f"e{at}.B", arguments="(" + ", ".join(f"'w{at}q{n}'" for n in range(100)) + ")")),
    "look-ups": of_uses(lambda at: use("builtins.getattr", arguments=f"(a.B{', ' * 300}'x{at}')")),
    "thefts": lambda count: dynamic(
        events=tuple(event("decoy.sent", "finder", at=at + 1, name="x", address="203.0.113.7") for at in range(count)),
        conversations=(SAID,) * count,
    ),
}
_FEW = 1000  # calls for one more use, whatever is in it


@pytest.mark.parametrize("sort", MANY)
def test_twice_as_much_is_twice_the_work(sort: str) -> None:
    once, twice = MANY[sort](60), MANY[sort](120)
    first = calls(lambda: judge(once, RULES))
    second = calls(lambda: judge(twice, RULES))
    assert second <= 2.2 * first
    assert (second - first) / 60 < _FEW


def test_numbers_are_read_together_however_many_there_are() -> None:
    assert says("(" + "1, " * 330 + "2)", str.isupper) is Says.PLAIN
    few, many = ("(" + "1, " * count + "2)" for count in (3, 330))
    assert calls(lambda: says(many, str.isupper)) == calls(lambda: says(few, str.isupper))


def test_each_different_class_among_the_arguments_is_looked_up_once() -> None:
    asked: list[str] = []
    says("(" + "a.B, a.C, " * 40 + "a.B)", lambda name: not asked.append(name))  # type: ignore[func-returns-value]
    assert sorted(asked) == ["a.B", "a.C"]


@pytest.mark.parametrize("texts", [("a", "x.sh"), ("a", "curl"), ("a", "a b"), ("a\nb",), ("a", "q" * 41)])
def test_one_text_that_is_none_spoils_all(texts: tuple[str, ...]) -> None:
    assert are_values(("a", "m/s", "", "-3"))
    assert not are_values(texts)


@pytest.mark.parametrize("texts", [("a", "curl x"), ("a", "open x.py"), ("a", "/bin"), ("a\nb",), ("a", "q" * 101)])
def test_one_key_that_is_none_spoils_all(texts: tuple[str, ...]) -> None:
    assert are_keys(("a", "a b", "mlp/~/linear 0", ""))
    assert not are_keys(texts)
