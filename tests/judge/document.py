"""docs/rules.md: every rule of the judge, from the tables. `python -m tests.judge.document` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox.judge.conditions import FAMILIES
from sandbox.judge.rules import VERDICTS, Rule
from tests.judge.rows import CONFIGS, RULES, RULES_TABLES

PATH = CONFIGS.parent / "docs" / "rules.md"

_HEAD = """\
# The judge's rules

Made by `python -m tests.judge.document` from `configs/rules/`. A finding names its rule in brackets. Within a family
the first rule that matches a thing takes it, in this order. A rule whose verdict is `info` spoils nothing. A part in
braces is filled in by what was found. [Your own rules](../README.md#your-own-rules) add to these, tune or silence them.
"""
_ABOUT = {
    "watch": "What the watch and the host conclude from all they saw.",
    "comparison": "The plan, read from the file, against the witness: what stood in memory after the load.",
    "completeness": "What could not be looked at. These can be neither tuned nor silenced.",
    "event": "What the load did or tried.",
    "global": "The callables that the file names, and how it uses them ([the tables](../configs/globals)).",
    "oddity": "Structure that an honest writer would not make.",
    "text": "Strings that matter, as they are or by what is encoded in them. None of them runs by itself.",
}
_WORDS = {verdict: word for word, verdict in VERDICTS.items()}


def page() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *(line for family in FAMILIES for line in _family(family))])


def _family(family: str) -> Iterator[str]:
    yield f"## {family}\n\n{_ABOUT[family]}\n"
    yield from (f"- To do when {word}: {said}" for word, said in RULES_TABLES[family]["advice"].items())
    yield "\n| rule | verdict | severity | confidence | what was found |\n|---|---|---|---|---|"
    yield from (_line(row) for row in RULES.rows if row.family == family)
    yield ""


def _line(row: Rule) -> str:
    usual = RULES_TABLES[row.family]["advice"][_WORDS[row.verdict]]
    said = f"**{row.title}.** {row.explanation}" + ("" if row.advice == usual else f" *To do*: {row.advice}")
    cells = (f"`{row.id}`", _WORDS[row.verdict], row.severity, row.confidence, said)
    return "| " + " | ".join(re.sub(r"([|<>])", r"\\\1", cell) for cell in cells) + " |"


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
