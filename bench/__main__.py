"""The command `python -m bench`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import calls, contest
from bench.contest import SIZES
from bench.measure import ROOT, take_turns
from bench.results import Results, machine
from bench.tables import page

_PAGE = ROOT / "docs" / "benchmarks.md"
_PREFIX = "bench-"  # not one of the evaluations' own, which sweep away what looks abandoned
_ROOM = 5  # times the largest checkpoint: itself, two outputs, and air for the file system
_WATCHED_UP_TO = 10**9  # a mapped load doesn't grow with its file
_LOADS = 5  # runs of each side: a load of a millisecond needs more of them than anything else here


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"of {','.join(SIZES)}, default all of them")
    parser.add_argument("--jails", default="bubblewrap,docker", help="prepared jails, default both")
    parser.add_argument("--folder", help="where checkpoints and outputs are made and deleted again, default /tmp")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE.relative_to(ROOT)}, too")
    return parser.parse_args()


def _measure(results: Results, folder: Path, sizes: Sequence[str], jails: Sequence[str]) -> None:
    for key in sizes:
        size = SIZES[key]
        print(size.name, file=sys.stderr)
        model = contest.make(folder / f"{key}.pt", size)
        results.sizes[key] = take_turns(contest.peers(model, jails), size.times)
        results.largest[key] = size.nbytes // size.tensors
        if size.nbytes <= _WATCHED_UP_TO:
            results.loads[f"{size.name}, mapped"] = take_turns(contest.watch_peers(model), _LOADS)
            legacy = contest.make(model, size, "legacy")
            results.loads[f"{size.name}, legacy format"] = take_turns(contest.watch_peers(legacy), _LOADS)
        model.unlink()
    print("calls", file=sys.stderr)
    results.calls.update(calls.microseconds(take_turns(calls.peers(folder, jails), 5)))


def main() -> int:
    """Measure everything, print the page, and leave nothing behind."""
    options = _options()
    sizes = options.sizes.split(",")
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=options.folder) as folder:
        Path(folder).chmod(0o755)
        needed = _ROOM * max(SIZES[key].nbytes for key in sizes)
        if shutil.disk_usage(folder).free < needed:
            print(f"bench: {folder} needs {needed / 1e9:.0f} GB of space; --folder names another", file=sys.stderr)
            return 3
        results = Results(load_average=os.getloadavg()[0])
        try:
            _measure(results, Path(folder), sizes, options.jails.split(","))
        except subprocess.CalledProcessError as error:
            print(page(results, machine()))
            print(f"bench: {error}; the page above is not whole and was not written", file=sys.stderr)
            return 1
    text = page(results, machine())
    print(text)
    if options.write:
        _PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
