"""The budgets that the design set, each against what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.contest import COPY, IMPORT, MAPPED, SIZES, STATIC, baseline, full, watched
from bench.measure import Sample, median, told
from bench.results import Results

_MB = 10**6
_IMPORT_AND = {"bubblewrap": 0.25, "docker": 0.8}  # seconds that a small file may take beside the import
_HOST, _HOST_EACH_TENSOR = 64 * _MB, 1000
_LOADER = 400 * _MB
_CALL = 25.0  # microseconds
_WATCH = 1.03


@dataclass(frozen=True)
class Line:
    """One budget; `measured` and `allowed` in the same unit."""

    what: str
    measured: float
    allowed: float
    unit: str

    @property
    def reached(self) -> bool:
        return self.measured <= self.allowed


def lines(results: Results) -> Iterator[Line]:
    """Each budget that this run measured."""
    yield from _static(results)
    yield from _full(results)
    yield from _small(results)
    yield from _memory(results)
    for name, micros in results.calls.items():
        if name.startswith("watched"):
            yield Line(f"a {name.replace(',', ' openat and close,')}", micros, _CALL, "us")
    for name, samples in results.loads.items():
        for peer in (peer for peer in samples if peer.startswith(watched(""))):
            ratio = median(samples[peer], _load_seconds) / median(samples[baseline(peer)], _load_seconds)
            yield Line(f"loading {name}: {peer} / not watched", ratio, _WATCH, "x")


def _wall(sample: Sample) -> float:
    return sample.wall


def _load_seconds(sample: Sample) -> float:
    return float(sample.told["load_seconds"])


def _static(results: Results) -> Iterator[Line]:
    if samples := results.sizes.get("1G"):
        allowed = 2 * median(samples[COPY], _wall) + 0.3
        yield Line("1 GB, --static: 2 x (cp + fsync) + 0.3 s", median(samples[STATIC], _wall), allowed, "s")


def _full(results: Results) -> Iterator[Line]:
    samples = results.sizes.get("4G", {})
    for name in (name for name in samples if name.startswith("sandbox-load,")):
        allowed = median(samples[MAPPED], _wall)
        yield Line(f"4 GB, {name}: torch.load(mmap) + save_file", median(samples[name], _wall), allowed, "s")


def _small(results: Results) -> Iterator[Line]:
    samples = results.sizes.get("10M", {})
    for jail, besides in _IMPORT_AND.items():
        if full(jail) in samples:
            allowed = median(samples[IMPORT], _wall) + besides
            yield Line(f"10 MB, {jail}: import torch + {besides} s", median(samples[full(jail)], _wall), allowed, "s")


def _memory(results: Results) -> Iterator[Line]:
    """The worst of all evaluations."""
    for size, by_peer in results.sizes.items():
        ours = [samples for name, samples in by_peer.items() if name.startswith("sandbox-load")]
        if not ours:
            continue
        name = SIZES[size].name
        allowed = _HOST + _HOST_EACH_TENSOR * max(told(samples, "tensors") or 0 for samples in ours)
        host = max(told(samples, "host_peak") or 0 for samples in ours)
        loader = max(told(samples, "jail_private_peak") or 0 for samples in ours)
        yield Line(f"{name}, host's peak RSS: 64 MB + 1 KB a tensor", host / _MB, allowed / _MB, "MB")
        most = (_LOADER + results.largest[size]) / _MB
        yield Line(
            f"{SIZES[size].name}, loader's anonymous memory: 400 MB + the largest tensor", loader / _MB, most, "MB"
        )
