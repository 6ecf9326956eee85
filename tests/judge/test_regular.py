"""A pattern of a user's that an attacker's text could keep busy is refused when it is read; ordinary ones aren't."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields

import pytest

from sandbox.errors import CallerError
from sandbox.judge import with_own
from sandbox.judge.conditions import globs
from sandbox.judge.regular import refuse_endless
from tests.judge.rows import RULES
from tests.judge.test_own import ADDED

DOUBLING = [
    "(a+)+",
    "(a*)*",
    "(.*)*",
    "(?:a|b|ab)*c",
    "(a|ab?)*b?",
    r"(\w+\s?)*",
    "([a-z]+)*=",
    "(a{1,40}){1,40}",
    "(a{1,3})*",
    r"(\w*,\w*)*",
    "([^,]*,?)*x",
    "(x+x+)+y",
    "(a?b?)*c",
    "(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:.|\nx?)*x",
    "(?i)(?:a|Ab?)*c",
    "(?:a|(?i:Ab?))*c",
    "(?=(a+)+b).*",
    "(?>(a+)+)",
    "((a+)+)*+b",
]
MULTIPLYING = [
    ".*a.*b.*c",
    ".*?a.*?b.*?c",
    "a*a*a*b",
    r"\w*\d*\w*x",
    "(.*),(.*),(.*),(.*)!",
    ".{0,200}a.{0,200}b.{0,200}c",
    r"(.)\1.*a.*b.*c",
]
ORDINARY = [
    "",
    "a+",
    ".*evil.*",
    ".*foo.*bar.*",
    "(ab)*",
    "(a|b)*c",
    "(a|b|)c",
    "(a+b)+",
    "[^/]*/[^/]*/[^/]*",
    r"(?:[^'\\]|\\.)*",
    r"([\w]+\.)+[A-Z]\w*",
    "(?:[a-z]+ )*[a-z]+",
    "https?://[^/]+/.*",
    "(/home|/root)/.*",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    "([0-9a-f]{2}:){5}[0-9a-f]{2}",
    "[0-9a-f]{64}",
    r".*\.(exe|dll)",
    "(?i)curl .*",
    "(?!x).*",
    "(?=.*a)(?=.*b)(?=.*c).*",
    "(?:a++)*b",
    "(?:a?+b)*c",
    ".{0,200}curl.{0,200}sh.*",
]


def compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.DOTALL)


@pytest.mark.parametrize("source", DOUBLING)
def test_a_repetition_that_may_hold_the_same_in_two_ways_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="for ever"):
        refuse_endless(compiled(source))


@pytest.mark.parametrize("source", MULTIPLYING)
def test_many_repetitions_of_the_same_letters_in_a_row_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="for very long"):
        refuse_endless(compiled(source))


@pytest.mark.parametrize("source", ORDINARY)
def test_ordinary_patterns_pass(source: str) -> None:
    refuse_endless(compiled(source))


def test_a_glob_may_have_a_star_or_two_in_a_word() -> None:
    refuse_endless(globs(["acme.**", "*.*Model*", "**.[A-Z]*", *(f"acme.package{at}.*" for at in range(200))]))
    with pytest.raises(ValueError, match="for very long"):
        refuse_endless(globs(["*a*b*c*d"]))


def test_our_own_patterns_pass() -> None:
    found = {pattern.pattern: pattern for row in RULES.rows for pattern in patterns(row.when)}
    assert len(found) > 40
    for pattern in found.values():
        refuse_endless(pattern)


def patterns(when: object) -> Iterator[re.Pattern[str]]:
    for spec in fields(when):  # type: ignore[arg-type]
        value = getattr(when, spec.name)
        yield from (
            one for one in (value.values() if isinstance(value, dict) else [value]) if isinstance(one, re.Pattern)
        )


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (ADDED.replace("/tmp/acme.*", "/tmp/(a+)+x"), "event own.lock"),
        ('[[silence]]\nrule = "event.write"\nonly = ["*a*b*c*d"]\nreason = "ours"', "silence event.write"),
    ],
)
def test_the_error_names_the_row_and_says_what_to_write_in_one_line(row: str, where: str) -> None:
    with pytest.raises(CallerError, match=rf"acme\.toml: {where}: a text could make this pattern try") as error:
        with_own(RULES, "acme.toml", tomllib.loads(row))
    assert "write" in str(error.value)
    assert "\n" not in str(error.value)
