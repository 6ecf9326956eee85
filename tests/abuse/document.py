"""docs/abuse.md: each row with what it showed. It is also where the last run's evidence is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.abuse.bench import ROOT
from tests.abuse.case import Case, Evidence, Row
from tests.abuse.table import ROWS, order

PATH = ROOT / "docs" / "abuse.md"
Key = tuple[str, str, str]  # number, title, jail
Shown = Mapping[Key, Evidence]

_HEAD = """\
# Abuse: what was tried, and what came of it

Made by `python -m tests.abuse --write` from the rows of `tests/abuse/`; `tests/abuse/test_abuse.py` fails when a run
shows anything else than what stands here. Each row was run in each jail that it names; where the jail makes no
difference, in one.

*Contained* is what the payload itself got, or what the host saw. *Recorded* is what the report says of it.
Numbers 1 to 78 are those of the list of abuses this project answers to; its 79th is a rate (false alarms on ordinary
checkpoints, misses on hostile ones), is no attack, and is measured elsewhere. Rows with a letter go beyond the list:
B is what a reviewer broke, B2 breaks naive builds, F are floods, G is a guest that lies, H is a host in a bad state.

| no. | tried | jail | contained | recorded |
|---|---|---|---|---|
"""
_LINE = re.compile(r"^" + r"\| ((?:\\\||[^|])+?) " * 5 + r"\|$", re.MULTILINE)


def read() -> dict[Key, Evidence]:
    """What the committed document says."""
    if not PATH.exists():
        return {}
    rows = _LINE.findall(PATH.read_text(encoding="utf-8").partition(_HEAD.splitlines()[-1])[2])
    return {
        (number, _plain(title), jail): Evidence(_plain(contained), _plain(recorded))
        for number, title, jails, contained, recorded in rows
        for jail in jails.split(", ")
    }


def write(shown: Shown) -> None:
    """The document anew. What no row makes any more is dropped."""
    lines = [line for row in sorted(ROWS, key=order) for line in _lines(row, shown)]
    PATH.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def _lines(row: Row, shown: Shown) -> list[str]:
    """One line for all jails that showed the same."""
    by_evidence: dict[Evidence, list[str]] = {}
    for (number, title, jail), evidence in sorted(shown.items()):
        if (number, title) == (row.number, row.title) and _runs_in(row, jail):
            by_evidence.setdefault(evidence, []).append(jail)
    return [
        f"| {row.number} | {_cell(row.title)} | {', '.join(jails)} | {_cell(one.contained)} | {_cell(one.recorded)} |"
        for one, jails in by_evidence.items()
    ]


def _runs_in(row: Row, jail: str) -> bool:
    return not isinstance(row, Case) or not row.jails or jail in row.jails


def _cell(text: str) -> str:
    assert text.isprintable(), repr(text)
    return text.replace("|", "\\|").replace("<", "&lt;")


def _plain(cell: str) -> str:
    return cell.replace("\\|", "|").replace("&lt;", "<")
