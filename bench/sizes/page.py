"""docs/sizes.md, from the samples of each case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.measure import Sample
from bench.sizes.cases import CASES, FULL, MAPPED, PLAIN, Budget, Case, Samples, budgets
from bench.tables import table

_MB = 10**6
_HEAD = ("", "wall, s", "ratio", "CPU, s", "host's peak", "reader's peak", "loader's own", "verdict")


def page(measured: Mapping[str, Samples], on_disk: Mapping[str, tuple[int, int]], machine: str) -> str:
    """All of it. `on_disk`: what each input and output takes of the disk, in bytes."""
    return "\n".join(_page(measured, on_disk, machine)) + "\n"


def _page(measured: Mapping[str, Samples], on_disk: Mapping[str, tuple[int, int]], machine: str) -> Iterator[str]:
    yield "# Very large checkpoints"
    yield ""
    yield "Written by `python -m bench.sizes`. The inputs are sparse files: each tensor is a hole between two"
    yield "marked elements, so that 60 GB take a few hundred KB. Reading a hole costs memory traffic but no disk;"
    yield "outputs are written in full. One run of each, in fresh processes. cp is `cp --sparse=never` with fsync,"
    yield "so that it writes what an output has; this tool ends with fsync, torch leaves the flushing to the"
    yield "system. Ratio: to torch. Peaks in MB; the loader's own is what it held besides mapped files, sampled"
    yield "five times a second."
    yield ""
    yield machine
    for key, samples in measured.items():
        case = CASES[key]
        yield from ("", f"## {case.name}", "")
        yield from table(_HEAD, (_row(name, sample, _baseline(samples)) for name, sample in samples.items()))
        yield ""
        read, wrote = on_disk[key]
        yield f"{case.tensors:,} tensors of {case.largest / _MB:g} MB. The input takes {_size(read)} of disk" + (
            f", the output {_size(wrote)}." if case.writes else "; none is written."
        )
    yield from ("", "## Budgets", "")
    rows = [_budget(CASES[key], line) for key, samples in measured.items() for line in budgets(CASES[key], samples)]
    yield from table(("budget", "measured", "allowed", "measured / allowed", ""), rows)
    yield from _reasons(measured)


def _size(nbytes: int) -> str:
    return f"{nbytes / _MB:,.1f} MB"


def _baseline(samples: Samples) -> float | None:
    peer = samples.get(MAPPED) or samples.get(PLAIN)
    return peer.wall if peer else None


def _row(name: str, sample: Sample, baseline: float | None) -> Sequence[str]:
    told = sample.told
    memory = [told.get(key) for key in ("host_peak", "reader_peak", "jail_private_peak")]
    ratio = f"{sample.wall / baseline:.2f}" if baseline else ""
    shown = (f"{value / _MB:.0f}" if value else "" for value in memory)
    return (name, f"{sample.wall:.2f}", ratio, f"{sample.cpu:.2f}", *shown, str(told.get("verdict", "")))


def _budget(case: Case, line: Budget) -> Sequence[str]:
    digits = 2 if line.unit == "s" else 1
    figures = (f"{value:.{digits}f} {line.unit}" for value in (line.measured, line.allowed))
    reached = "reached" if line.measured <= line.allowed else "**not reached**"
    return f"{case.name}; {line.what}", *figures, f"{line.measured / line.allowed:.2f}", reached


def _reasons(measured: Mapping[str, Samples]) -> Iterator[str]:
    said = {
        f"- {CASES[key].name}, {name}: {reason}"
        for key, samples in measured.items()
        for name, sample in samples.items()
        if name.startswith(FULL)
        for reason in sample.told.get("reasons", [])
    }
    if said:
        yield from ("", "## What the tool said of them", "", *sorted(said))
