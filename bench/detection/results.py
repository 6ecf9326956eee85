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
        """Whether there is anything to see of it, in the file or in a load if there was one."""
        return any(self.declared().values())

    @property
    def loaded(self) -> bool:
        """Whether it was: a run may load but some of what it reads."""
        return LOADED in self.ours

    def declared(self) -> dict[str, frozenset[str]]:
        """The rules of each way that it was asked."""
        rules = {STATIC: frozenset(self.static), LOADED: frozenset((*self.static, *self.watched))}
        return {way: rules[way] for way in self.ours}

    @property
    def exact(self) -> bool:
        """Exactly the declared rules, by each way."""
        return all(set(self.ours[way].rules or ()) == rules for way, rules in self.declared().items())

    def outcomes(self) -> dict[str, str]:
        """By tool: flagged, not clean, silent or error. Only this one says that something is not clean."""
        ours = {way: _outcome(each) for way, each in self.ours.items()}
        return ours | {name: each.outcome.value for name, each in self.peers.items()}

    def missed(self) -> str:
        """How it missed its part's target, "" when it didn't."""
        by_way = {way: each for way, each in self.outcomes().items() if way in self.ours}
        if self.part is Part.BENIGN:
            return ", ".join(f"{outcome} by `{way}`" for way, outcome in by_way.items() if outcome != "silent")
        way = LOADED if self.loaded else STATIC
        shown = self.visible or (self.loaded and self.part is not Part.EVASIVE)
        if shown and by_way[way] not in ("flagged", "not clean"):
            return f"{by_way[way]} by `{way}`"
        lacking = self.ours[LOADED].lacking if self.loaded else ()
        return f"`not_examined` lacks {', '.join(map(repr, lacking))}" if lacking else ""

    def caught_by(self) -> tuple[str, ...]:
        """Which of static, watch and comparison has a finding that spoils the verdict of a load."""
        found = set((self.ours[LOADED].rules or {}).values()) if self.loaded else set()
        return tuple(source for source in ("static", "watch", "comparison") if source in found)


def _outcome(one: Said) -> str:
    return {_QUIET: "silent", _ALARM: "flagged", _INCONCLUSIVE: "not clean"}.get(one.exit, "error")


@dataclass(frozen=True)
class Run:
    """All of it. `machine`: where and when, in a sentence. `minutes` 0: some answers are of an earlier run.

    `every`: 1, or that of the corpus only each such sample took part, as 9 means each ninth. `loads`: likewise, which
    of these were loaded.
    """

    machine: str
    jail: str
    minutes: float
    every: int
    loads: int
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
