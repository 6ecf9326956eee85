"""The command `python -m bench.detection`: builds the corpus, asks this tool and its peers, writes the table.

With --write it keeps bench/detection/results.json and makes docs/detection.md of it; with --page it makes the page
alone, of the results that are kept.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from bench.detection import results
from bench.detection.corpus import CORPUS
from bench.detection.notes import Notes
from bench.detection.ours import STATIC, WAYS, Said, ask
from bench.detection.page import page
from bench.detection.peers import PEERS, Answer, Peer
from bench.detection.peers.environment import Scanner, prepared, versions
from bench.detection.results import Row, Run
from bench.detection.sample import Part, Sample
from bench.measure import ROOT
from bench.results import machine
from sandbox.bundle import find
from sandbox.facts import VERSION
from sandbox.jail.layers import layers

_PAGE = ROOT / "docs" / "detection.md"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--part", choices=list(Part), help="of the corpus; prints")
    parser.add_argument("--only", default="", metavar="WORD", help="samples with this in their name; prints")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth of them; prints")
    parser.add_argument("--loads", type=int, default=1, metavar="N", help="read all, and load only each Nth")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True, help="ask the others, too")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once, default 2")
    parser.add_argument("--jail", default="bubblewrap", help="default bubblewrap")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep answers there, and ask for no kept one again")
    parser.add_argument("--write", action="store_true", help="keep the results and the page; of the whole corpus")
    parser.add_argument("--page", action="store_true", help="only make the page of the results that are kept")
    options = parser.parse_args()
    if options.write and (options.part or options.only or options.every > 1 or not options.peers):
        parser.error("only a whole run is kept")
    return options


def _chosen(options: argparse.Namespace) -> list[Sample]:
    wanted = [
        sample for sample in CORPUS.values() if options.part in (None, sample.part) and options.only in sample.name
    ]
    return wanted[:: options.every]


def _built(samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    paths = {}
    for sample in samples:
        place = folder / sample.name
        place.mkdir()
        paths[sample.name] = sample.make(place)
    return paths


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class _Measure:
    """One run's surroundings. `environment` None: the peers aren't asked."""

    jail: str
    jobs: int
    loads: int
    folder: Path
    environment: Path | None
    notes: Notes
    stopped: Event = field(default_factory=Event)

    def rows(self, chosen: Sequence[Sample]) -> list[Row]:
        paths = _built(chosen, self.folder)
        pool = ThreadPoolExecutor(self.jobs)
        try:
            # The slowest first: what is left at the end is short.
            names = [name for name in reversed(PEERS) if self.environment]
            peers = {name: pool.submit(self._by_peer, PEERS[name], paths) for name in names}
            ours = {
                sample.name: pool.submit(self._by_us, sample, paths[sample.name], number % self.loads == 0)
                for number, sample in enumerate(chosen)
            }
            answers = {name: peers[name].result() for name in PEERS if name in peers}
            return [
                Row.of(sample, ours[sample.name].result(), {name: each[sample.name] for name, each in answers.items()})
                for sample in chosen
            ]
        finally:
            self.stopped.set()
            pool.shutdown(cancel_futures=True)

    def _by_peer(self, peer: Peer, paths: dict[str, Path]) -> dict[str, Answer]:
        assert self.environment is not None
        answers: dict[str, Answer] = {}
        with Scanner(peer, self.environment, self.folder) as scanner:
            for number, (name, path) in enumerate(paths.items(), 1):
                if self.stopped.is_set():
                    break
                answers[name] = self.notes.once(peer.name, name, results.answer, partial(scanner.ask, path))
                if number % 50 == 0 or number == len(paths):
                    _progress(f"{peer.name}: {number} of {len(paths)}")
        return answers

    def _by_us(self, sample: Sample, path: Path, loaded: bool) -> dict[str, Said]:
        heard = {}
        for way in WAYS if loaded else (STATIC,):
            asking = partial(ask, path, way, sample.unexamined, self.jail)
            heard[way] = self.notes.once(way, sample.name, results.said, asking)
        _progress(f"{sample.name}: {', '.join(each.verdict or each.why for each in heard.values())}")
        return heard


def _run(options: argparse.Namespace) -> Run:
    started = time.monotonic()
    environment = prepared() if options.peers else None
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o755)
        notes = Notes(options.resume)
        measure = _Measure(options.jail, options.jobs, options.loads, Path(folder), environment, notes)
        rows = measure.rows(_chosen(options))
    installed = versions(environment) if environment else {}
    told = {name: installed[peer.package] for name, peer in PEERS.items() if environment}
    minutes = 0 if options.resume else round((time.monotonic() - started) / 60, 1)
    where = f"{machine()} {_layers()}"
    return Run(where, options.jail, minutes, options.every, options.loads, dict.fromkeys(WAYS, VERSION) | told, rows)


def _layers() -> str:
    """What loads had, which decides how far some of them went."""
    ready = [layer.name for layer in layers(find()) if layer.mounted()]
    return f"Layers: {', '.join(ready) or 'none'}."


def main() -> int:
    """Measure, and tell."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = results.parsed(results.KEPT.read_text(encoding="utf-8")) if options.page else _run(options)
    if options.write:
        results.KEPT.write_text(results.written(run), encoding="utf-8")
    if options.write or options.page:
        _PAGE.write_text(page(run), encoding="utf-8")
    else:
        print(page(run))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
