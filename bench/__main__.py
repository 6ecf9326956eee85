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
_LOADS = {"10M": ("zip",), "1G": ("zip", "legacy")}  # a mapped load doesn't grow with its file: 4 GB tell no more
_LOAD_NAMES = {"zip": "mapped", "legacy": "legacy format"}
_SLOW = frozenset({"gvisor"})  # its import of torch takes many seconds: the calls, and the first of the loads


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"of {','.join(SIZES)}, default all of them")
    parser.add_argument("--jails", default="bubblewrap,docker,gvisor", help="prepared jails, default all three")
    parser.add_argument("--loads", type=int, default=3, help="runs of each watched load and its peers, default 3")
    parser.add_argument("--folder", help="where checkpoints and outputs are made and deleted again, default /tmp")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE.relative_to(ROOT)}, too")
    return parser.parse_args()


def _measure(results: Results, folder: Path, sizes: Sequence[str], jails: Sequence[str], loads: int) -> None:
    quick = [jail for jail in jails if jail not in _SLOW]
    for key in sizes:
        size = SIZES[key]
        print(size.name, file=sys.stderr)
        model = contest.make(folder / f"{key}.pt", size)
        results.sizes[key] = take_turns(contest.peers(model, quick), size.times)
        results.largest[key] = size.nbytes // size.tensors
        for file_format in _LOADS.get(key, ()):
            if file_format != "zip":
                contest.make(model, size, file_format)
            name = f"{size.name}, {_LOAD_NAMES[file_format]}"
            watchers = quick if results.loads else jails
            results.loads[name] = take_turns(contest.watch_peers(model, f"torch-{file_format}", watchers), loads)
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
            _measure(results, Path(folder), sizes, options.jails.split(","), options.loads)
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
