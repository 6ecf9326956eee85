"""Which large files are made, who is run on each, and which budgets of the design hold for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contest import COPY, evaluation
from bench.measure import Peer, Sample

_MB = 10**6
HOST, HOST_EACH_TENSOR, LOADER = 64 * _MB, 1000, 400 * _MB
STATIC, FULL = "sandbox-load --static", "sandbox-load"
MAPPED, PLAIN = "torch.load(mmap) + save_file", "torch.load + save_file"
# As many bytes as the output has: a plain cp would copy the holes as holes.
_COPY_AND_SYNC = 'cp --sparse=never "$1" "$2" && sync "$2"'
_PATIENT = ("--timeout", "3600")  # a busy machine's figures are still figures

Samples = Mapping[str, Sample]


@dataclass(frozen=True)
class Case:
    """A file of `tensors` matrices of `rows` by 1,000, in torch's format of that name; `writes`: outputs are made."""

    name: str
    file_format: str
    tensors: int
    rows: int
    writes: bool = True

    @property
    def largest(self) -> int:
        return self.rows * 4000

    @property
    def nbytes(self) -> int:
        return self.tensors * self.largest

    def make(self, path: Path) -> tuple[str, ...]:
        """The command that writes it."""
        words = (self.file_format, str(path), str(self.tensors), str(self.rows))
        return (sys.executable, "-m", "bench.sizes.sparse", *words)

    def peers(self, model: Path) -> list[Peer]:
        """This tool, and the others where outputs are made."""
        if not self.writes:
            words = (sys.executable, "-m", "bench.evaluation", str(model), "--static", *_PATIENT)
            return [Peer(f"{STATIC} --no-output", words)]
        target = model.with_name("theirs.safetensors")
        others = [PLAIN] if self.file_format == "legacy" else [MAPPED, PLAIN]
        return [
            Peer(COPY, ("sh", "-c", _COPY_AND_SYNC, "sh", str(model), str(target)), [target]),
            evaluation(STATIC, model, "--static", *_PATIENT),
            evaluation(FULL, model, *_PATIENT),
            *(Peer(name, self._other(name, model, target), [target]) for name in others),
        ]

    @staticmethod
    def _other(name: str, model: Path, target: Path) -> Sequence[str]:
        how = "mmap" if name == MAPPED else "plain"
        return (sys.executable, "-m", "bench.plain", how, str(model), str(target))


CASES = {
    "8G": Case("8 GB, torch zip", "zip", 80, 25_000),
    "many": Case("100,000 tensors, torch zip", "zip", 100_000, 1),
    "legacy": Case("4 GB, torch legacy", "legacy", 40, 25_000),
    "60G": Case("60 GB, torch zip of zip64 records", "zip", 60, 250_000, writes=False),
}


@dataclass(frozen=True)
class Budget:
    """One line of the design's section 8, for one case."""

    what: str
    measured: float
    allowed: float
    unit: str


def budgets(case: Case, samples: Samples) -> list[Budget]:
    """Those that this run measured."""
    ours = [sample for name, sample in samples.items() if name.startswith(STATIC) or name == FULL]
    host = HOST + HOST_EACH_TENSOR * case.tensors
    found = [Budget("host's peak: 64 MB + 1 KB a tensor", _most(ours, "host_peak") / _MB, host / _MB, "MB")]
    if COPY in samples and STATIC in samples:
        allowed = 2 * samples[COPY].wall + 0.3
        found.append(Budget("--static: 2 x (cp + fsync) + 0.3 s", samples[STATIC].wall, allowed, "s"))
    if FULL in samples:
        found += _of_load(case, samples)
    return found


def _of_load(case: Case, samples: Samples) -> list[Budget]:
    legacy = case.file_format == "legacy"
    most = LOADER + (case.nbytes if legacy else case.largest)
    what = "the file" if legacy else "the largest tensor"
    private = float(samples[FULL].told["jail_private_peak"])
    found = [Budget(f"loader's anonymous memory: 400 MB + {what}", private / _MB, most / _MB, "MB")]
    if MAPPED in samples:
        found.append(Budget(f"full: {MAPPED}", samples[FULL].wall, samples[MAPPED].wall, "s"))
    return found


def _most(samples: Sequence[Sample], key: str) -> float:
    return max((float(sample.told.get(key) or 0) for sample in samples), default=0.0)
