"""The same targets under atheris, which keeps what reaches new code: `python -m bench.fuzz --engine atheris`.

Needs `pip install atheris` (Linux, CPython). A process of its own, since the host's modules are made to tell where they
have been as they are imported.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["sandbox"]):
    from bench.fuzz import corpus, guard
    from bench.fuzz.targets import TARGETS, new_folder

_LONGEST = 1 << 16


def fuzz(name: str, seconds: str, seed: str, finds: str) -> None:
    """One target, until the time is up or something is found; atheris ends the process, with 0 if nothing was."""
    target, first = TARGETS[name], list(corpus.read(TARGETS[name].corpus).values())

    def mutate(raw: bytes, _most: int, number: int) -> bytes:
        return target.make(random.Random(f"{seed}/{number}"), [raw, raw, *first])[:_LONGEST]

    def one(raw: bytes) -> None:
        with new_folder() as place:
            target.run(raw, Path(place))

    folder = Path(finds, f"corpus-{name}")  # it grows, and the next run goes on from it
    folder.mkdir(parents=True, exist_ok=True)
    for at, raw in enumerate(first):
        Path(folder, str(at)).write_bytes(raw)
    words = [f"-max_total_time={float(seconds):.0f}", f"-artifact_prefix={finds}/", f"-max_len={_LONGEST}"]
    words += [f"-seed={random.Random(seed).getrandbits(31)}", "-rss_limit_mb=4096"]
    words += [f"-timeout={guard.WALL_SECONDS:.0f}"]
    atheris.Setup([sys.argv[0], *words, str(folder)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(*sys.argv[1:])
