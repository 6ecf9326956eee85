"""The command `python -m bench.fuzz`: hours of it, or the seconds that CI gives."""

from __future__ import annotations

import argparse
import json
import random
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.fuzz import corpus, guard
from bench.fuzz.targets import TARGETS, Target, new_folder

_MOST_KEPT = 2000  # inputs that led to something new, for each target
_LONGEST_KEPT = 1 << 16
_TURN_SECONDS = 0.2


@dataclass
class Campaign:
    """One target's inputs so far. The same seed and number give the same input, as long as the code is the same."""

    target: Target
    seed: str
    inputs: int = 0
    seconds: float = 0.0
    seen: set[Hashable] = field(default_factory=set)
    pool: list[bytes] = field(default_factory=list)
    finds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = list(corpus.read(self.target.corpus).values())
        self.pool += self.first

    def next(self) -> bytes:
        """The corpus as it is, then what is made of it."""
        if self.inputs < len(self.first):
            return self.first[self.inputs]
        return self.target.make(random.Random(f"{self.seed}/{self.target.name}/{self.inputs}"), self.pool)

    def step(self, folder: Path) -> None:
        raw = self.next()
        self.inputs += 1
        started = time.monotonic()
        try:
            outcome = attempt(self.target, raw)
        except KeyboardInterrupt:
            raise
        except BaseException:  # a find, whatever it is
            outcome = ""
            self._found(raw, folder)
        self.seconds += time.monotonic() - started
        if outcome not in self.seen and len(self.seen) < _MOST_KEPT and len(raw) <= _LONGEST_KEPT:
            self.seen.add(outcome)
            self.pool.append(raw)

    def _found(self, raw: bytes, folder: Path) -> None:
        what = traceback.format_exc()
        place = "".join(what.splitlines()[-1:]) + "".join(what.splitlines()[-3:-2])
        if place in self.seen:
            return
        self.seen.add(place)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.target.name}-{len(self.finds)}-{secrets.token_hex(4)}.bin"
        path.write_bytes(raw)
        self.finds.append(str(path))
        print(f"{ascii(what)[1:-1].replace(chr(92) + 'n', chr(10))}", file=sys.stderr)
        again = f"python -m bench.fuzz --target {self.target.name} --replay {path}"
        print(f"FOUND with --seed {self.seed}, input {self.inputs - 1}; again: {again}", file=sys.stderr)


def attempt(target: Target, raw: bytes) -> Hashable:
    """One input, in a folder of its own and within bounds. Raises whatever is a find."""
    with new_folder() as folder, guard.bounded_time():
        return target.run(raw, Path(folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="in all; default 60")
    parser.add_argument("--inputs", type=int, help="of each target, at most")
    parser.add_argument("--seed", default="", help="default: a new one, which is printed")
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all, in turns")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a seed of its own")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="folder for inputs that broke something")
    parser.add_argument("--replay", type=Path, nargs="+", help="run these files through one target, and nothing else")
    parser.add_argument("--engine", choices=("own", "atheris"), default="own", help="atheris must be installed")
    return parser.parse_args()


def _turn(campaign: Campaign, options: argparse.Namespace) -> None:
    """A while of one target: what is quick gets more inputs."""
    until = time.monotonic() + _TURN_SECONDS
    while time.monotonic() < until and campaign.inputs != options.inputs:
        campaign.step(options.finds)


def _rounds(campaigns: Sequence[Campaign], options: argparse.Namespace) -> Iterator[None]:
    """Until the time is up, or every target has had its inputs."""
    until = time.monotonic() + options.seconds
    while any(campaign.inputs != options.inputs for campaign in campaigns) and time.monotonic() < until:
        yield


def _campaign(options: argparse.Namespace, seed: str) -> int:
    names = options.target or list(TARGETS)
    campaigns = [Campaign(TARGETS[name], seed) for name in names]
    guard.bound_memory()
    for _ in _rounds(campaigns, options):
        for campaign in campaigns:
            _turn(campaign, options)
    for campaign in campaigns:
        rate = campaign.inputs / max(campaign.seconds, 1e-9)
        told = {"target": campaign.target.name, "inputs": campaign.inputs, "a second": round(rate, 1)}
        print(json.dumps(told | {"kept": len(campaign.pool), "finds": campaign.finds, "seed": seed}))
    print(json.dumps({"peak": guard.peak()}), flush=True)
    return int(any(campaign.finds for campaign in campaigns))


def _replay(options: argparse.Namespace) -> int:
    (name,) = options.target or [""]
    guard.bound_memory()
    for path in options.replay:
        print(path, attempt(TARGETS[name], path.read_bytes()))
    return 0


def _guided(options: argparse.Namespace, seed: str) -> int:
    name = (options.target or ["session"])[0]
    words = [name, str(options.seconds), seed, str(options.finds)]
    return subprocess.run([sys.executable, "-m", "bench.fuzz.guided", *words], check=False).returncode


def _jobs(options: argparse.Namespace, seed: str) -> int:
    command = [sys.executable, "-m", "bench.fuzz", *_without_values(sys.argv[1:], ("--jobs", "--seed"))]
    started = [subprocess.Popen([*command, "--seed", f"{seed}.{number}"]) for number in range(options.jobs)]
    return max(process.wait() for process in started)


def _without_values(words: list[str], names: tuple[str, ...]) -> list[str]:
    kept, skip = [], False
    for word in words:
        if not skip and word.partition("=")[0] not in names:
            kept.append(word)
        skip = word in names
    return kept


def main() -> int:
    """0 when nothing was found."""
    options = _options()
    if options.replay:
        return _replay(options)
    seed = options.seed or secrets.token_hex(4)
    print(f"bench.fuzz: --seed {seed}", file=sys.stderr)
    if options.engine == "atheris":
        return _guided(options, seed)
    return _jobs(options, seed) if options.jobs > 1 else _campaign(options, seed)


if __name__ == "__main__":
    raise SystemExit(main())
