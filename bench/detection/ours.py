"""This tool on one sample: read by its readers and judged in this process, and loaded as its users do, in a real jail.

`tests/bench/test_reading.py` holds that what is read here is what the jail says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bench.detection.reading import read
from bench.measure import ROOT
from sandbox.errors import SandboxError
from sandbox.facts import EXIT_OF, Exit, Verdict

STATIC, LOADED = "sandbox-load --static", "sandbox-load"
WAYS = (STATIC, LOADED)
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
_ONE_BY_ONE = Lock()  # the readers are made for a process of their own


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
    """What it says of one file, one way."""
    return _read(path, unexamined) if way == STATIC else _loaded(path, unexamined, jail)


def _read(path: Path, unexamined: Sequence[str]) -> Said:
    with _ONE_BY_ONE:
        try:
            judgement = read(path)
        except SandboxError as error:
            return Said(Exit.USAGE, why=str(error))
    spoiling = {row.rule: SOURCES[row.family] for row in judgement.findings if row.verdict is not Verdict.CLEAN}
    lacking = _lacking(judgement.not_examined, unexamined)
    return Said(EXIT_OF[judgement.verdict], judgement.verdict, spoiling, lacking)


def _loaded(path: Path, unexamined: Sequence[str], jail: str) -> Said:
    command = [sys.executable, "-m", "bench.cli", str(path), "--jail", jail, "--no-output", "-q", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return Said(-1, why=f"not done after {_SECONDS} s")
    told = done.stdout.rstrip().rpartition("\n")[0]
    return _short(told, unexamined) if told else Said(done.returncode, why=done.stderr.strip())


def _short(told: str, unexamined: Sequence[str]) -> Said:
    report = json.loads(told)
    spoiling = {row["rule"]: SOURCES[row["family"]] for row in report["findings"] if row["verdict"] != "clean"}
    return Said(report["exit_code"], report["verdict"], spoiling, _lacking(report["not_examined"], unexamined))


def _lacking(lines: Sequence[str], unexamined: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in unexamined if not any(text in line for line in lines))
