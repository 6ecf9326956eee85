"""Evidence for the judge's tests: one clean evaluation, and small changes to it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.facts import (
    Absent,
    Comparison,
    DynamicFacts,
    Event,
    Evidence,
    FormatFact,
    GlobalUse,
    HostFacts,
    Oddity,
    ProcessEnd,
    StaticFacts,
    TextFact,
)
from sandbox.judge import parse_rules
from sandbox.policy import read_table, united

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
RULES_TABLES = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in (CONFIGS / "rules").glob("*.toml")
}
GLOBALS_TABLE = united({path.name: read_table(path) for path in sorted((CONFIGS / "globals").glob("*.toml"))})
FORMATS = tomllib.loads((CONFIGS / "formats.toml").read_text(encoding="utf-8"))["formats"]
TECHNIQUES = tomllib.loads((CONFIGS / "techniques.toml").read_text(encoding="utf-8"))
RULES = parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, TECHNIQUES)

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCY"
ENDED = ProcessEnd(exit=0, seconds=1.0, cpu_seconds=0.5, peak_rss=1 << 20, alive=())
TORCH = FormatFact("torch-zip", supported=True, primary=True, by="content")

STATIC = StaticFacts(formats=(TORCH,), complete=True, reason="", end=ENDED)
DYNAMIC = DynamicFacts(
    asked=True,
    armed=True,
    observer="notify",
    loaded=True,
    testified=True,
    end=ENDED,
    observer_outlived_loader=True,
    ended=True,
)
CLEAN = Evidence(STATIC, DYNAMIC, Comparison(agree=3), HostFacts(), {"AWS credentials": SECRET})
READ_ONLY = replace(CLEAN, dynamic=DynamicFacts(), comparison=Comparison())


def static(**changes: Any) -> Evidence:
    return replace(CLEAN, static=replace(STATIC, **changes))


def dynamic(**changes: Any) -> Evidence:
    return replace(CLEAN, dynamic=replace(DYNAMIC, **changes))


def host(**changes: str) -> Evidence:
    return replace(CLEAN, host=HostFacts(**changes))


def compared(**changes: Any) -> Evidence:
    return replace(CLEAN, comparison=Comparison(**changes))


def use(name: str, how: str = "reduce", arguments: str = "()", *, indirect: bool = False, count: int = 1) -> GlobalUse:
    return GlobalUse("pickle", name, how, indirect, how.upper(), "data.pkl", 0x1F, count, arguments)


def uses(*rows: GlobalUse) -> Evidence:
    return static(globals=rows)


def event(
    kind: str, call: str = "call", *, count: int = 1, answer: str = "denied", at: int = 1, **detail: str
) -> Event:
    return Event(at, kind, call, answer, 7, 1.5, count, detail)


def events(*rows: Event) -> Evidence:
    return dynamic(events=rows)


def string(kind: str, how: str = "", *names: str, used: bool = False, text: str = "x") -> TextFact:
    return TextFact("pickle", kind, how, text, names, used, "data.pkl", 9)


def strings(*rows: TextFact) -> Evidence:
    return static(texts=rows)


def oddities(*ids: str) -> Evidence:
    return static(oddities=tuple(Oddity("torch-zip", name, "detail", "data.pkl", 9) for name in ids))


def absent(*names: str) -> Evidence:
    return dynamic(absent=tuple(Absent(name, "no such module", 1) for name in names))
