"""What other scanners and public advisories call dangerous is malicious when a file calls it, or it is said why not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from sandbox.facts import Verdict
from sandbox.judge.names import glob
from sandbox.judge.static import matches
from tests.judge.rows import RULES, static, use

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "known_dangerous.toml").read_text(encoding="utf-8"))
LEAST_MALICIOUS = 0.85  # of the names that are written out


def words(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


NAMES = sorted({name for row in TABLE["list"] for name in words(row["names"])})
# All of a module: a function and a class of it that nobody ever heard of.
MEMBERS = sorted(
    {
        f"{module}.{member}"
        for row in TABLE["list"]
        for module in words(row.get("modules", []))
        for member in ("f", "Cls")
    }
)
WEAKER = [(re.compile("|".join(glob(name) for name in words(row["names"]))), row["verdict"]) for row in TABLE["weaker"]]


def called(name: str, arguments: str = "('x', 'y')") -> Verdict:
    """What this call alone makes of a file."""
    row = next(matches(RULES, static(globals=(use(name, "reduce", arguments),)).static), None)
    return row.rule.verdict if row else Verdict.CLEAN


def accepted(name: str) -> set[str]:
    return {"malicious"} | {verdict for pattern, verdict in WEAKER if pattern.fullmatch(name)}


def test_a_call_of_each_is_malicious_or_it_is_said_why_not() -> None:
    verdicts = {name: called(name).value for name in (*NAMES, *MEMBERS)}
    assert {name: verdict for name, verdict in verdicts.items() if verdict not in accepted(name)} == {}


def test_most_are_malicious() -> None:
    malicious = [name for name in NAMES if called(name) is Verdict.MALICIOUS]
    assert len(malicious) / len(NAMES) > LEAST_MALICIOUS, (len(malicious), len(NAMES))


def test_what_looks_up_is_malicious_when_it_is_told_what_attacks_look_up() -> None:
    resolvers = [name for name in NAMES if RULES.names.named(name).cls in ("resolver", "applier", "binder")]
    assert len(resolvers) > 20
    assert {name for name in resolvers if called(name, "('system',)") is not Verdict.MALICIOUS} == set()
