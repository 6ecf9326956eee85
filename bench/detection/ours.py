"""This tool on one sample, as its users start it, in a real jail: read, and loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import ROOT

STATIC, LOADED = "sandbox-load --static", "sandbox-load"
WAYS: dict[str, Sequence[str]] = {STATIC: ("--static",), LOADED: ()}
# Where a finding is from: the bytes, the watched load, plan against witness, or that something was not looked at.
SOURCES = {
    "global": "static",
    "oddity": "static",
    "text": "static",
    "event": "watch",
    "watch": "watch",
    "comparison": "comparison",
    "completeness": "completeness",
}
_SECONDS = 300


@dataclass(frozen=True)
class Said:
    """One report in short.

    `rules`: those whose findings spoil the verdict, each with its source. `lacking`: of the texts that had to stand
    in `not_examined` those that don't. `why`: without a report, what was said instead.
    """

    exit: int
    verdict: str = ""
    rules: dict[str, str] | None = None
    lacking: tuple[str, ...] = ()
    why: str = ""


def ask(path: Path, way: str, unexamined: Sequence[str], jail: str) -> Said:
    """One run of the command."""
    command = [sys.executable, "-m", "bench.cli", str(path), "--jail", jail, "--no-output", "-q", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, *WAYS[way]], capture_output=True, text=True, check=False, cwd=ROOT, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Said(-1, why=f"not done after {_SECONDS} s")
    told = done.stdout.rstrip().rpartition("\n")[0]
    return _short(told, unexamined) if told else Said(done.returncode, why=done.stderr.strip())


def _short(told: str, unexamined: Sequence[str]) -> Said:
    report = json.loads(told)
    spoiling = {row["rule"]: SOURCES[row["family"]] for row in report["findings"] if row["verdict"] != "clean"}
    lines = report["not_examined"]
    lacking = tuple(text for text in unexamined if not any(text in line for line in lines))
    return Said(report["exit_code"], report["verdict"], spoiling, lacking)
