"""docs/conversion.md, from judgements and times."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.contest import COPY
from bench.conversion.contenders import OURS
from bench.conversion.judge import Judgement, Outcome
from bench.measure import Sample, median, told
from bench.results import Samples
from bench.tables import table

_MB = 10**6
_SHOWN = 160


@dataclass(frozen=True)
class Row:
    """One layout by every contender; `tensors`: how many it holds."""

    family: str
    layout: str
    tensors: int
    judged: Mapping[str, Judgement]


def page(rows: Sequence[Row], times: Mapping[str, Samples], machine: str) -> str:
    """All of it."""
    return "\n".join(_page(rows, times, machine)) + "\n"


def _page(rows: Sequence[Row], times: Mapping[str, Samples], machine: str) -> Iterator[str]:
    yield "# Conversion, beside others"
    yield ""
    yield "Written by `python -m bench.conversion`, which makes the files, converts each by each contender and judges"
    yield "the outputs against what torch and numpy said of the tensors when the file was made."
    yield ""
    yield "*Right*: every tensor of the file with its dtype, shape and bytes; from this tool under the names that"
    yield "docs/naming.md gives them, from the others under any names. *Wrong*: an output in which bytes, dtype or"
    yield "shape of a tensor differ, or a tensor lacks without a word. *Refused*: an error, and no output. *-*: a"
    yield "file of a kind that the contender is not for. The others run without any jail, with nested containers"
    yield "walked, shared and strided tensors made separate for save_file; the convert script keeps its own rules."
    yield ""
    yield machine
    yield from ("", f"## {len(rows)} layouts", "")
    names = list(rows[0].judged) if rows else []
    head = ("", "right", "wrong", "of these only lacking", "refused", "not asked", "median ms", "highest peak, MB")
    yield from table(head, (_count(name, [row.judged[name] for row in rows]) for name in names))
    yield ""
    yield "Times and peaks of these small files are of one process for each file: this tool's are whole commands with"
    yield "the start of a jail (peak: the host's process), the others' are without the import of their libraries."
    if times:
        yield from _large(times)
    yield from _not_converted(rows, [name for name in names if name in OURS])
    yield from ("", "## Layout by layout", "")
    yield from table(("family", "layout", "tensors", *names), map(_cells, rows))
    yield from _wrong(rows, [name for name in names if name not in OURS])


def _count(name: str, judged: Sequence[Judgement]) -> Sequence[str]:
    of = {outcome: [each for each in judged if each.outcome is outcome] for outcome in Outcome}
    lacking = [each for each in of[Outcome.WRONG] if "lack" in each.why and "changed" not in each.why]
    asked = [each for each in judged if each.outcome is not Outcome.UNASKED]
    counts = (of[Outcome.RIGHT], of[Outcome.WRONG], lacking, of[Outcome.REFUSED], of[Outcome.UNASKED])
    seconds = statistics.median(each.seconds for each in asked) if asked else 0.0
    peak = max((each.peak for each in asked), default=0)
    return (name, *(str(len(each)) for each in counts), f"{seconds * 1000:.0f}", f"{peak / _MB:.0f}")


def _cells(row: Row) -> Sequence[str]:
    return row.family, row.layout, str(row.tensors), *(each.outcome.value for each in row.judged.values())


def _not_converted(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    yield from ("", "## What this tool does not convert, and why", "")
    missed = [
        (row.layout, name, judged.outcome.value, _told(judged.why))
        for row in rows
        for name, judged in row.judged.items()
        if name in names and judged.outcome in {Outcome.WRONG, Outcome.REFUSED}
    ]
    if missed:
        yield from table(("layout", "by", "", "its reason"), missed)
    else:
        yield "Nothing: every layout is converted right."
    called = [
        f"{row.layout} ({judged.why})"
        for row in rows
        for name, judged in row.judged.items()
        if name in names and judged.outcome is Outcome.RIGHT and judged.why
    ]
    if called:
        yield ""
        yield f"Converted right, though not quietly: {', '.join(dict.fromkeys(called))}."


def _wrong(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    wrong = [
        (row.layout, name, _told(row.judged[name].why))
        for row in rows
        for name in names
        if row.judged[name].outcome is Outcome.WRONG
    ]
    if wrong:
        yield from ("", "## What others get wrong", "")
        yield from table(("layout", "by", "tensors"), wrong)


def _told(why: str) -> str:
    """As one cell."""
    plain = " ".join(why.replace("|", "/").replace("\0", "").split())
    return plain[:_SHOWN] + "..." * (len(plain) > _SHOWN)


def _large(times: Mapping[str, Samples]) -> Iterator[str]:
    yield from ("", "## At 1 GB, 100 tensors", "")
    yield "Medians of three runs in fresh processes that take turns, with a warm page cache, imports and the start of"
    yield "the jail included; this tool ends with fsync, the others leave the flushing to the system. Peak: of"
    yield "the process that was started; in brackets, of the largest in the jail."
    for kind, samples in times.items():
        yield from ("", f"### {kind}", "")
        yield from table(("", "wall, s", "/ cp", "peak, MB"), (_timed(name, samples) for name in samples))


def _timed(name: str, samples: Samples) -> Sequence[str]:
    rows = samples[name]
    wall = median(rows, _wall)
    host, jail = told(rows, "host_peak"), told(rows, "jail_peak")
    peak = "" if host is None else f"{host / _MB:.0f}"
    ratio = wall / median(samples[COPY], _wall)
    return name, f"{wall:.2f}", f"{ratio:.2f}", peak + (f" ({jail / _MB:.0f})" if jail else "")


def _wall(sample: Sample) -> float:
    return sample.wall
