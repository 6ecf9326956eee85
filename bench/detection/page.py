"""docs/detection.md, from the results of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.detection.missed import REASONS
from bench.detection.ours import LOADED, STATIC
from bench.detection.results import Row, Run
from bench.detection.sample import Part
from bench.tables import table

_OUTCOMES = ("flagged", "not clean", "silent", "error")
_MARKS = {"flagged": "F", "not clean": "n", "silent": "-", "error": "E"}
_PARTS = {
    Part.MALICIOUS: "Malicious: files that run something when they are loaded, or are built to",
    Part.BENIGN: "Benign: ordinary checkpoints, and odd ones that are honest",
    Part.EVASIVE: "Evasive: files that wait, look around first, or act only when they are used",
    Part.CHANGED: "Changed: files whose load changes the weights",
}
_EXACT, _INCONCLUSIVE = 0.95, 0.02  # the targets' shares
_SOURCES = {"static": "the file's bytes", "watch": "the watched load", "comparison": "plan against witness"}


def page(run: Run) -> str:
    """All of it."""
    return "\n".join(_page(run)) + "\n"


def _page(run: Run) -> Iterator[str]:
    yield from _HEAD
    took = f", {run.minutes:.0f} minutes" if run.minutes else ""
    yield from ("", f"{run.machine} {len(run.rows)} samples{took}, this tool in the {run.jail} jail.")
    if not run.minutes:
        yield from ("", "Some of the scanners' answers are of an earlier run, of the same versions and the same bytes.")
    if run.every > 1:
        yield from ("", f"**A trial, not the measure**: one of each {run.every} samples of the corpus took part.")
    if run.loads > 1:
        yield from ("", f"**Loads of one sample in {run.loads}.** All were read, and all were given to the scanners.")
        yield f"Each {run.loads}th was loaded, too; what is said of loads is of those alone."
    for part, title in _PARTS.items():
        rows = _of(run, part)
        if rows:
            yield from ("", f"## {title}", "")
            yield from table((f"{len(rows)} samples", "version", *_OUTCOMES), _counts(rows, run.versions))
    yield from ("", "## The targets, for this tool", "")
    yield from table(("target", "measured", ""), _targets(run))
    yield from _missed(run)
    yield from _alone(run)
    yield from _LIMITS
    yield from ("", f"Below: {', '.join(f'{mark} {outcome}' for outcome, mark in _MARKS.items())}.")
    for part in _PARTS:
        rows = _of(run, part)
        if rows:
            yield from ("", f"## Sample by sample: {part}", "")
            yield from table(_columns(rows[0]), map(_cells, rows))


_HEAD = """\
# Detection, beside others

Written by `python -m bench.detection --write`, which builds every sample of `bench/detection/corpus`, each harmless
in effect, and asks this tool and four scanners about the same files in the same run.

*Flagged*: the tool says that the file is bad (exit code 1). *Not clean*: this tool says that it could not judge the
file (exit code 2); the others have no such answer. *Silent*: nothing was found (exit code 0). *Error*: the tool says
that it could not scan the file or found none that it supports, or it crashed, or took more than five minutes.

- `sandbox-load --static` only reads: the readers and the judge as they are, in one process outside of a jail, which a
  test holds to what the jail says. `sandbox-load` reads and loads: policy `evaluate`, in a jail, a process a file.
- picklescan: `picklescan -p FILE`, and with `--strict`. A dangerous global that it names is *flagged* whatever else
  failed; exit code 0 with "Scanned files: 0" is an *error*.
- modelscan: `modelscan -p FILE` with its default settings. An issue that it names is *flagged* whatever else failed.
- fickling: `fickling --check-safety -p FILE`; since that command reads no archives, a zip is given to its
  `scan_zip_archive`, where an unsafe member is *flagged* and one that it can't parse an *error*. Of a folder, each file
  that has the extension of a pickle.
- modelaudit: `modelaudit scan --no-cache FILE`. Warnings give exit code 1, as they do for its users. What it found is
  *flagged* whatever else failed.

The scanners come from the package index, pinned in `bench/detection/peers/requirements.txt` with those extras that
need no framework; each runs its own command line without a network. None of them loads a file.""".splitlines()

_LIMITS = """
## What this measure does not show

- The corpus was written by the people who wrote this tool, and the tool was changed until it met the targets. The
  figures of this tool say that it does what it promises on known classes, not what it does on the next one.
- The rules that a sample must produce were declared by its author. *Exactly* means that nothing else was said, either.
- Most samples are built for the way pickles and their containers work, which is what these scanners are for; some
  lie outside of what a scanner claims (weights that a load changes show in no scan of the file).
- A scanner that flags every checkpoint with an object in it finds every attack: read its two tables together.
- One version of each tool, one machine, one configuration. Each has others.
- Samples are not weighted by how often they are met; a share here is no probability.""".splitlines()


def _of(run: Run, *parts: Part) -> list[Row]:
    return [row for row in run.rows if row.part in parts]


def _counts(rows: Sequence[Row], versions: dict[str, str]) -> Iterator[Sequence[str]]:
    outcomes = [row.outcomes() for row in rows]
    for tool, version in versions.items():
        counted = Counter(each[tool] for each in outcomes if tool in each)
        asked = "" if counted.total() == len(rows) else f" ({counted.total()} of them)"
        yield f"{tool}{asked}", version, *(str(counted[outcome]) for outcome in _OUTCOMES)


def _targets(run: Run) -> Iterator[Sequence[str]]:
    bad, benign, evasive = (
        _of(run, *parts) for parts in ((Part.MALICIOUS, Part.CHANGED), (Part.BENIGN,), (Part.EVASIVE,))
    )
    seen = [row for row in evasive if row.visible]  # by the ways that it was asked
    unseen = [row for row in evasive if row.unexamined and row.loaded]
    alarms = [row for row in benign if _said(row, "flagged", "error")]
    unsure = [row for row in benign if _said(row, "not clean")]
    caught = [row for row in bad if not row.missed()]
    exact = [row for row in bad if row.exact]
    yield _line("malicious and changed: flagged or not clean, 100 %", len(caught), len(bad), len(caught) == len(bad))
    yield _line(
        "malicious and changed: exactly the declared rules, 95 %", len(exact), len(bad), _share(exact, bad) >= _EXACT
    )
    yield _line("benign: alarms, 0", len(alarms), len(benign), not alarms)
    yield _line("benign: not clean, at most 2 %", len(unsure), len(benign), _share(unsure, benign) <= _INCONCLUSIVE)
    right = [row for row in seen if not row.missed()]
    yield _line(
        "evasive, something to see: flagged or not clean, 100 %", len(right), len(seen), len(right) == len(seen)
    )
    told = [row for row in unseen if not row.ours[LOADED].lacking]
    yield _line("evasive: `not_examined` says what was not, 100 %", len(told), len(unseen), len(told) == len(unseen))


def _said(row: Row, *outcomes: str) -> bool:
    """Of a benign sample: read or loaded."""
    told = row.outcomes()
    return any(told.get(way) in outcomes for way in (STATIC, LOADED))


def _share(some: Sequence[Row], of: Sequence[Row]) -> float:
    return len(some) / len(of) if of else 0.0


def _line(target: str, count: int, of: int, reached: bool) -> Sequence[str]:
    return target, f"{count} of {of}", "reached" if reached else "**not reached**"


def _missed(run: Run) -> Iterator[str]:
    missed = [(row.name, row.missed(), REASONS.get(row.name, "")) for row in run.rows if row.missed()]
    yield from ("", "### Samples that missed their target", "")
    if missed:
        yield from _texts(("sample", "how", "why"), missed)
    else:
        yield "None."
    inexact = [row for row in run.rows if not row.exact and not row.missed()]
    if inexact:
        yield from ("", "### Samples with other rules than they declare", "")
        yield from _texts(("sample", "more or fewer", "why"), map(_difference, inexact))


def _difference(row: Row) -> Sequence[str]:
    said = []
    for way, wanted in row.declared().items():
        found = set(row.ours[way].rules or ())
        signs = [*(f"+{rule}" for rule in sorted(found - wanted)), *(f"-{rule}" for rule in sorted(wanted - found))]
        if signs:
            said.append(f"`{way}`: {' '.join(signs)}")
    return row.name, "; ".join(said), REASONS.get(row.name, "")


def _alone(run: Run) -> Iterator[str]:
    """Who caught it, of what has something to catch."""
    yield from ("", "## Which part of this tool caught it", "")
    yield "Findings that spoil the verdict of a load, by where they are from. *Alone*: no other part has one."
    yield ""
    parts = (Part.MALICIOUS, Part.EVASIVE, Part.CHANGED)
    rows = [row for row in _of(run, *parts) if row.loaded]
    yield from table(("", *parts), (_by_source(source, parts, rows) for source in _SOURCES))
    for source in ("watch", "comparison", "static"):
        names = [row.name for row in rows if row.caught_by() == (source,)]
        if names:
            yield from ("", f"By {_SOURCES[source]} alone: {', '.join(names)}.")


def _by_source(source: str, parts: Sequence[Part], rows: Sequence[Row]) -> Sequence[str]:
    cells = []
    for part in parts:
        found = [row.caught_by() for row in rows if row.part is part and source in row.caught_by()]
        cells.append(f"{len(found)}, alone {sum(len(each) == 1 for each in found)}")
    return _SOURCES[source], *cells


def _columns(row: Row) -> Sequence[str]:
    return ("sample", "what it shows", "known from", "read", "loaded", *row.peers)


def _cells(row: Row) -> Sequence[str]:
    told = row.outcomes()
    marks = [_MARKS[told[tool]] if tool in told else "" for tool in (STATIC, LOADED, *row.peers)]
    return row.name, _plain(row.technique), _plain(row.source), *marks


def _texts(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    """Cells to the left, all of them."""
    for row in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(map(_plain, row)) + " |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
