"""The corpus through the readers and the judge, without a jail; the peers' answers and the page, on words and figures.

Nothing here loads a sample: the loads are for `python -m bench.detection`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.detection.corpus import CORPUS
from bench.detection.missed import REASONS
from bench.detection.notes import Notes
from bench.detection.ours import LOADED, SOURCES, STATIC, Said
from bench.detection.page import page
from bench.detection.peers import PEERS, Answer, Outcome
from bench.detection.reading import read, rules
from bench.detection.results import KEPT, Row, Run, answer, parsed, written
from bench.detection.sample import Part, Sample
from bench.measure import ROOT
from sandbox.facts import EXIT_OF, Exit, Verdict
from sandbox.judge.conditions import FAMILIES

SAMPLES = tuple(CORPUS.values())


def _digests(path: Path) -> Mapping[str, str]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_reading_a_sample_says_exactly_what_it_declares(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "once").mkdir()
    path = sample.make(tmp_path / "once")
    judgement = read(path)
    found = {finding.rule for finding in judgement.findings if finding.verdict is not Verdict.CLEAN}
    assert found == sample.static, judgement.summary
    assert (EXIT_OF[judgement.verdict] is Exit.QUIET) == (not sample.static)
    if sample.part is not Part.BENIGN:  # those are the frameworks' own writers', who put addresses into some
        (tmp_path / "again").mkdir()
        assert _digests(sample.make(tmp_path / "again")) == _digests(path)


def test_what_is_bad_declares_what_shows_it() -> None:
    """What no reading shows must be shown by a load, or told as not examined. A benign sample has nothing to show."""
    known = {row.id for row in rules().rows}
    for sample in SAMPLES:
        shown = sample.static | sample.watched
        assert shown <= known, sample.name
        assert sample.technique, sample.name
        assert sample.source, sample.name
        if sample.part is Part.EVASIVE:
            assert shown or sample.unexamined, sample.name
        else:
            assert bool(shown) == (sample.part is not Part.BENIGN), sample.name


def test_the_corpus_is_large_enough() -> None:
    parts = [sample.part for sample in SAMPLES]
    assert parts.count(Part.MALICIOUS) >= 150
    assert parts.count(Part.BENIGN) >= 150
    assert parts.count(Part.EVASIVE) >= 15
    assert parts.count(Part.CHANGED) >= 5


def test_every_family_of_rules_is_a_source_of_findings() -> None:
    assert SOURCES.keys() >= FAMILIES.keys()


@pytest.mark.parametrize(
    ("peer", "code", "said", "outcome"),
    [
        ("picklescan", 0, "Scanned files: 1\nDangerous globals: 0\n", Outcome.SILENT),
        ("picklescan", 0, "Scanned files: 0\nDangerous globals: 0\n", Outcome.ERROR),
        ("picklescan", 1, "Scanned files: 1\nDangerous globals: 1\n", Outcome.FLAGGED),
        ("picklescan --strict", 2, "Scanned files: 1\nDangerous globals: 2\n", Outcome.FLAGGED),
        ("picklescan", 2, "Scanned files: 1\nDangerous globals: 0\n", Outcome.ERROR),
        ("modelscan", 0, "No issues found!", Outcome.SILENT),
        ("modelscan", 1, "Total Issues: 1\n", Outcome.FLAGGED),
        ("modelscan", 2, "\nTotal Issues: 3\n", Outcome.FLAGGED),
        ("modelscan", 3, "No issues found!", Outcome.ERROR),
        ("fickling", 2, "Fickling failed to parse this pickle file.", Outcome.ERROR),
        ("modelaudit", 1, "", Outcome.FLAGGED),
        ("modelaudit", 2, "  \N{POLICE CARS REVOLVING LIGHT} 1 Critical\n", Outcome.FLAGGED),
        ("modelaudit", 2, "a line\nScan error: no scanner\n", Outcome.ERROR),
    ],
)
def test_a_peers_exit_code_is_its_answer(peer: str, code: int, said: str, outcome: Outcome) -> None:
    told = PEERS[peer].answer(code, said)
    assert told.outcome is outcome
    assert bool(told.why) == (outcome is Outcome.ERROR)


def _row(part: Part, static: int, loaded: int, found: Mapping[str, str], **declared: object) -> Row:
    ours = {STATIC: Said(static, rules={}), LOADED: Said(loaded, rules=dict(found))}
    bare = Row(part, part, "a | b", "", (), (), (), ours, {"other": Answer(Outcome.SILENT)})
    return replace(bare, **declared)  # type: ignore[arg-type]


def test_a_sample_misses_its_target_by_its_part() -> None:
    assert not _row(Part.MALICIOUS, 0, 2, {}).missed()
    assert not _row(Part.CHANGED, 0, 1, {}).missed()
    assert _row(Part.CHANGED, 1, 0, {}).missed() == "silent by `sandbox-load`"
    assert _row(Part.MALICIOUS, 1, 3, {}).missed() == "error by `sandbox-load`"
    assert _row(Part.BENIGN, 2, 0, {}).missed() == "not clean by `sandbox-load --static`"
    assert not _row(Part.BENIGN, 0, 0, {}).missed()
    assert _row(Part.EVASIVE, 0, 0, {}, watched=("x",)).missed()
    untold = _row(Part.EVASIVE, 0, 0, {}, unexamined=("later",))
    assert not untold.missed()
    ours = untold.ours | {LOADED: Said(0, lacking=("later",))}
    assert replace(untold, ours=ours).missed() == "`not_examined` lacks 'later'"


def test_the_page_counts_and_tells_who_caught_it_alone() -> None:
    rows = (
        _row(Part.MALICIOUS, 0, 1, {"w": "watch"}, watched=("w",)),
        _row(Part.CHANGED, 0, 1, {"c": "comparison", "s": "static"}),
        _row(Part.BENIGN, 0, 0, {}),
    )
    run = Run("a machine.", "bubblewrap", 1.2, 1, 1, {STATIC: "1", LOADED: "1", "other": "2"}, rows)
    assert parsed(written(run)) == run
    assert "**A trial" in page(replace(run, every=9))
    text = page(run)
    assert "**A trial" not in text
    assert "| malicious and changed: exactly the declared rules, 95 % | 1 of 2 | **not reached** |" in text
    assert "| benign: alarms, 0 | 0 of 1 | reached |" in text
    assert "| the watched load | 1, alone 1 | 0, alone 0 | 0, alone 0 |" in text
    assert "By the watched load alone: malicious." in text
    assert "| changed | `sandbox-load`: +c +s |  |" in text
    assert "| malicious | a / b |  | - | F | - |" in text


def test_the_page_in_the_documentation_is_of_the_results_that_are_kept() -> None:
    run = parsed(KEPT.read_text(encoding="utf-8"))
    assert page(run) == (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    assert REASONS.keys() <= {row.name for row in run.rows}


def test_a_run_that_was_stopped_goes_on_where_it_ended(tmp_path: Path) -> None:
    asked = []

    def ask() -> Answer:
        asked.append(1)
        return Answer(Outcome.ERROR, "it crashed")

    for _ in range(2):
        notes = Notes(tmp_path / "notes")
        assert notes.once("other", "a", answer, ask) == Answer(Outcome.ERROR, "it crashed")
    assert len(asked) == 1
