"""No text of an attacker holds up the host: patterns end on what is made to make them try again and again."""

from __future__ import annotations

import subprocess
import sys

from sandbox.judge.arguments import Says, says
from tests.conftest import ROOT
from tests.judge.rows import RULES

_LIMIT = 60  # seconds for all of them: a pattern that hangs takes for ever
_TRY_ALL = """
import re
from dataclasses import fields
from sandbox.judge import arguments, spelling, static, words
from tests.judge.rows import RULES

def patterns(value):
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from patterns(one)

def pieces(source):
    words = re.findall("[A-Za-z_]{2,}", source)
    return {*words[:12], *PIECES}

PIECES = ("a", "A.", "a.", "_", "(", "(, ", "a, ", "'", "' '", "\\\\'", "...", "1", " ", "[", "b'", "a.B, ")

starts = ("", "(", "(operator.or_, (", "(a.B, '", "(a, object, ", "('", "'", "/")
found = {
    pattern.pattern: pattern
    for row in RULES.rows
    for spec in fields(row.when)
    for pattern in patterns(getattr(row.when, spec.name))
}
for module in (arguments, spelling, static, words):
    found.update((pattern.pattern, pattern) for pattern in vars(module).values() if isinstance(pattern, re.Pattern))
for source, pattern in found.items():
    for piece in pieces(source):
        for start in starts:
            pattern.fullmatch((start + piece * 1024)[:1024] + "!")
print(len(found))
"""


def test_no_pattern_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TRY_ALL], cwd=ROOT, timeout=_LIMIT, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 20


def test_a_union_of_types_is_told_from_what_only_begins_like_one() -> None:
    (when,) = (row.when for row in RULES.rows if row.id == "global.applier.ordinary")
    like = when.arguments_like  # type: ignore[union-attr]
    assert like.fullmatch("(operator.or_, (builtins.int, acme.Shape, builtins.type...))")
    assert not like.fullmatch("(operator.or_, (" + "a" * 60 + "!,))")


def test_an_endless_name_reaches_into_machinery() -> None:
    for name in ("torch." + "re." * 1300, "acme." + "x" * 4000):
        assert RULES.names.named(name).cls == "inside"


def test_many_names_among_arguments_may_say_anything() -> None:
    assert says("(" + ", ".join(f"a.B{number}" for number in range(30)) + ")", lambda _: True) is Says.ANY
