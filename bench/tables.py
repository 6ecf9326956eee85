"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench import budgets
from bench.contest import COPY, MAPPED, SIZES, baseline
from bench.measure import Sample, median, told
from bench.results import Results, Samples

_MB = 10**6


def page(results: Results, machine: str) -> str:
    """docs/benchmarks.md, whole."""
    return "\n".join(_page(results, machine)) + "\n"


def _page(results: Results, machine: str) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `python -m bench --write`. Medians of runs in fresh processes with a warm page cache; peers take"
    yield "turns, so that noise hits all alike. Ratios travel between machines, seconds don't."
    yield ""
    yield machine
    yield f"Load average before the first measurement: {results.load_average:.2f}."
    yield ""
    yield "Host's peak: the process that was started (`VmHWM`). Jail's peak: its largest process, mapped file included;"
    yield "in brackets what it held besides mapped files, sampled five times a second. cp and torch leave the flushing"
    yield "to the system unless fsync is named; ours ends with fsync."
    for key, samples in results.sizes.items():
        yield from ("", f"## {SIZES[key].name}, {SIZES[key].tensors} tensors", "")
        yield from table(_SIZE_HEAD, (_size_row(name, rows, samples) for name, rows in samples.items()))
    if results.loads:
        yield from ("", "## The load itself, watched and not", "")
        yield "`torch.load` alone, by the jail's own loader; under strace without a jail. The first load of a process."
        yield ""
        yield from table(("file", "", "ms", "not watched, ms", "ratio"), _load_rows(results.loads))
    if results.calls:
        least = min(results.calls.values())
        rows = ((name, f"{micros:.1f}", f"{micros / least:.1f}") for name, micros in results.calls.items())
        yield from ("", "## One openat and close", "")
        yield from table(("surroundings", "us", "ratio"), rows)
    yield from ("", "## Budgets", "")
    head = ("budget", "measured", "allowed", "measured / allowed", "")
    yield from table(head, map(_budget_row, budgets.lines(results)))


_SIZE_HEAD = ("", "wall, s", "/ cp", "/ torch mmap", "CPU, s", "host's peak, MB", "jail's peak, MB")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Names to the left, figures to the right."""
    for row in (head, ["---", *("---:" for _ in head[1:])], *rows):
        yield "| " + " | ".join(row) + " |"


def _wall(sample: Sample) -> float:
    return sample.wall


def _size_row(name: str, rows: Sequence[Sample], samples: Samples) -> Sequence[str]:
    wall = median(rows, _wall)
    jail, private = told(rows, "jail_peak"), told(rows, "jail_private_peak")
    return (
        name,
        f"{wall:.2f}",
        f"{wall / median(samples[COPY], _wall):.2f}",
        f"{wall / median(samples[MAPPED], _wall):.2f}",
        f"{median(rows, lambda sample: sample.cpu):.2f}",
        _megabytes(told(rows, "host_peak")),
        _megabytes(jail) + (f" ({_megabytes(private)})" if private else ""),
    )


def _megabytes(nbytes: float | None) -> str:
    return "" if nbytes is None else f"{nbytes / _MB:.0f}"


def _load_rows(loads: Mapping[str, Samples]) -> Iterator[Sequence[str]]:
    for file, samples in loads.items():
        for peer in samples:
            if baseline(peer) in samples and baseline(peer) != peer and not peer.startswith("not "):
                watched, plain = (told(samples[key], "load_seconds") or 0.0 for key in (peer, baseline(peer)))
                yield file, peer, f"{watched * 1000:.2f}", f"{plain * 1000:.2f}", f"{watched / plain:.3f}"


def _budget_row(line: budgets.Line) -> Sequence[str]:
    digits = 3 if line.unit == "x" else 2 if line.unit == "s" else 1
    figures = (f"{value:.{digits}f} {line.unit}" for value in (line.measured, line.allowed))
    return line.what, *figures, f"{line.measured / line.allowed:.2f}", "reached" if line.reached else "**not reached**"
