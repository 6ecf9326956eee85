"""One run of the measure: a row a sample, kept in results.json, from which the page is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.detection.ours import LOADED, STATIC, Said
from bench.detection.peers import Answer, Outcome
from bench.detection.sample import Part, Sample

KEPT = Path(__file__).parent / "results.json"
_QUIET, _ALARM, _INCONCLUSIVE = 0, 1, 2


@dataclass(frozen=True)
class Row:
    """One sample by every tool. `static`, `watched`: the rules that it declares; `unexamined`: likewise."""

    name: str
    part: Part
    technique: str
    source: str
    static: tuple[str, ...]
    watched: tuple[str, ...]
    unexamined: tuple[str, ...]
    ours: dict[str, Said]
    peers: dict[str, Answer]

    @classmethod
    def of(cls, sample: Sample, ours: dict[str, Said], peers: dict[str, Answer]) -> Row:
        declared = (tuple(sorted(sample.static)), tuple(sorted(sample.watched)), sample.unexamined)
        return cls(sample.name, sample.part, sample.technique, sample.source, *declared, ours, peers)

    @property
    def visible(self) -> bool:
        """Whether there is anything to see of it, in the file or in a load."""
        return bool(self.static or self.watched)

    @property
    def exact(self) -> bool:
        """Exactly the declared rules, read and loaded."""
        both = {*self.static, *self.watched}
        return set(self.ours[STATIC].rules or ()) == set(self.static) and set(self.ours[LOADED].rules or ()) == both

    def outcomes(self) -> dict[str, str]:
        """By tool: flagged, not clean, silent or error. Only this one says that something is not clean."""
        ours = {way: _outcome(each) for way, each in self.ours.items()}
        return ours | {name: each.outcome.value for name, each in self.peers.items()}

    def missed(self) -> str:
        """How it missed its part's target, "" when it didn't."""
        by_way = {way: each for way, each in self.outcomes().items() if way in self.ours}
        if self.part is Part.BENIGN:
            return ", ".join(f"{outcome} by `{way}`" for way, outcome in by_way.items() if outcome != "silent")
        if (self.visible or self.part is not Part.EVASIVE) and by_way[LOADED] not in ("flagged", "not clean"):
            return f"{by_way[LOADED]} by `{LOADED}`"
        lacking = self.ours[LOADED].lacking
        return f"`not_examined` lacks {', '.join(map(repr, lacking))}" if lacking else ""

    def caught_by(self) -> tuple[str, ...]:
        """Which of static, watch and comparison has a finding that spoils the verdict of a load."""
        found = set((self.ours[LOADED].rules or {}).values())
        return tuple(source for source in ("static", "watch", "comparison") if source in found)


def _outcome(one: Said) -> str:
    return {_QUIET: "silent", _ALARM: "flagged", _INCONCLUSIVE: "not clean"}.get(one.exit, "error")


@dataclass(frozen=True)
class Run:
    """All of it. `machine`: where and when, in a sentence. `minutes` 0: some answers are of a run that was stopped.

    `every`: 1, or that of the corpus only each such sample took part, as 9 means each ninth.
    """

    machine: str
    jail: str
    minutes: float
    every: int
    versions: dict[str, str]
    rows: Sequence[Row]


def written(run: Run) -> str:
    """As JSON, a line a sample, so that a change shows what changed."""
    head = asdict(run)
    rows = ",\n".join(json.dumps(row) for row in head.pop("rows"))
    return f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n{rows}\n]}}\n'


def parsed(text: str) -> Run:
    """The reverse."""
    table: dict[str, Any] = json.loads(text)
    return Run(**{**table, "rows": tuple(map(_row, table["rows"]))})


def said(table: dict[str, Any]) -> Said:
    """From its fields as JSON has them."""
    return Said(**{**table, "lacking": tuple(table["lacking"])})


def answer(table: dict[str, Any]) -> Answer:
    """Likewise."""
    return Answer(Outcome(table["outcome"]), table["why"])


def _row(table: dict[str, Any]) -> Row:
    ours = {way: said(each) for way, each in table["ours"].items()}
    peers = {name: answer(each) for name, each in table["peers"].items()}
    declared = {key: tuple(table[key]) for key in ("static", "watched", "unexamined")}
    return Row(**{**table, **declared, "part": Part(table["part"]), "ours": ours, "peers": peers})
