"""The contenders that can convert them, on files of 1 GB, in fresh processes that take turns."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from bench.contest import COPY, SIZES, evaluation, make
from bench.conversion.peers import PEERS
from bench.measure import Peer, take_turns
from bench.results import Samples

_TIMES = 3
_COPY_AND_SYNC = 'cp "$1" "$2" && sync "$2"'
_SAFE, _UNSAFE, _SCRIPT, _NUMPY, _JOBLIB = PEERS
_KINDS = {
    "torch zip": ("large.pt", (_SAFE, _UNSAFE, _SCRIPT)),
    "torch legacy": ("large.pth", (_SAFE, _UNSAFE, _SCRIPT)),
    "pickle of numpy arrays": ("large.pkl", (_NUMPY, _JOBLIB)),
    "joblib": ("large.joblib", (_JOBLIB,)),
}


def measure(folder: Path) -> dict[str, Samples]:
    """By kind of file."""
    found = {}
    folder.chmod(0o755)
    for kind, (file, names) in _KINDS.items():
        model = folder / file
        subprocess.run([sys.executable, "-m", "bench.conversion.large", kind, str(model)], check=True)
        model.chmod(0o644)
        print(kind, file=sys.stderr)
        found[kind] = take_turns(_contenders(model, names), _TIMES)
        model.unlink()
    return found


def _contenders(model: Path, names: tuple[str, ...]) -> list[Peer]:
    target = model.with_name("theirs.safetensors")
    theirs = (sys.executable, "-m", "bench.conversion.peers")
    return [
        Peer(COPY, ("sh", "-c", _COPY_AND_SYNC, "sh", str(model), str(target)), [target]),
        evaluation("sandbox-load --static", model, "--static"),
        evaluation("sandbox-load", model),
        *(Peer(name, (*theirs, name, str(model), str(target)), [target]) for name in names),
    ]


def _write(kind: str, path: Path) -> None:
    """Random numbers, so that nothing on the way can make less of them."""
    if kind.startswith("torch"):
        make(path, SIZES["1G"], *(["legacy"] if kind == "torch legacy" else []))
        return
    import numpy as np  # noqa: PLC0415 - torch's files need none of these

    size = SIZES["1G"]
    random, rows = np.random.default_rng(0), size.nbytes // size.tensors // 4000
    arrays = {f"layers.{at}.weight": random.standard_normal((rows, 1000), np.float32) for at in range(size.tensors)}
    if kind == "joblib":
        import joblib  # noqa: PLC0415

        joblib.dump(arrays, path)
    else:
        with path.open("wb") as file:
            pickle.dump(arrays, file, 4)


if __name__ == "__main__":
    _write(sys.argv[1], Path(sys.argv[2]))
