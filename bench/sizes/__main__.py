"""The command `python -m bench.sizes`: very large checkpoints, measured beside the design's budgets."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import measure
from bench.measure import ROOT, Peer, Sample
from bench.results import machine
from bench.sizes.cases import CASES, FULL, STATIC, Case, Samples
from bench.sizes.page import page

_PAGE = ROOT / "docs" / "sizes.md"
_ROOM = 2.5  # times an output: one of ours, one of a peer's, and air


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--only", default=",".join(CASES), help="some of the cases; prints, and writes nothing")
    parser.add_argument("--folder", help="where files are made and deleted again, default /tmp")
    return parser.parse_args()


def _run(peer: Peer) -> Sample | None:
    """None when it fails: what can't be run beside ours is left out of the table."""
    try:
        sample = measure.run(peer)
    except subprocess.CalledProcessError as error:
        print(f"  {peer.name}: {error}", file=sys.stderr)
        return None
    print(f"  {peer.name}: {sample.wall:.2f} s", file=sys.stderr, flush=True)
    return sample


def _case(case: Case, folder: Path) -> tuple[Samples, tuple[int, int]]:
    """Its samples, and the bytes of disk that its input and our output take."""
    model, samples, wrote = folder / "model.pt", {}, 0
    subprocess.run(case.make(model), check=True, cwd=ROOT)
    for peer in case.peers(model):
        sample = _run(peer)
        if sample:
            samples[peer.name] = sample
        if peer.name in {STATIC, FULL} and peer.leaves[0].exists():
            wrote = peer.leaves[0].stat().st_blocks * 512
        for path in peer.leaves:
            path.unlink(missing_ok=True)
    read = model.stat().st_blocks * 512
    model.unlink()
    return samples, (read, wrote)


def main() -> int:
    """One case after another, so that only one set of files stands at a time."""
    options = _options()
    chosen = options.only.split(",")
    measured, on_disk = {}, {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        Path(folder).chmod(0o755)
        needed = _ROOM * max((CASES[key].nbytes for key in chosen if CASES[key].writes), default=0)
        if shutil.disk_usage(folder).free < needed:
            print(f"bench: {folder} needs {needed / 1e9:.0f} GB of space; --folder names another", file=sys.stderr)
            return 3
        for key in chosen:
            print(CASES[key].name, file=sys.stderr)
            measured[key], on_disk[key] = _case(CASES[key], Path(folder))
    text = page(measured, on_disk, machine())
    print(text)
    if set(chosen) == set(CASES):
        _PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
