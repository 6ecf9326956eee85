"""Who is measured beside whom, at each size of checkpoint."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Peer

IMPORT = "import torch"
COPY = "cp + fsync"
PLAIN = "torch.load + save_file"
MAPPED = "torch.load(mmap) + save_file"
STATIC = "sandbox-load --static, bubblewrap"
OUTSIDE = "no jail"
STRACES = {
    "strace -f": ("strace", "-f", "-qq", "-o", "/dev/null"),
    "strace -f --seccomp-bpf -e %file,%network,%process": (
        *("strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf"),
        *("-e", "trace=%file,%network,%process"),
    ),
}
_COPY_AND_SYNC = 'cp "$1" "$2" && sync "$2"'


@dataclass(frozen=True)
class Size:
    """A checkpoint to make. `times`: how often each peer runs."""

    name: str
    nbytes: int
    tensors: int
    times: int


SIZES = {
    "10M": Size("10 MB", 10**7, 16, 5),
    "1G": Size("1 GB", 10**9, 100, 3),
    "4G": Size("4 GB", 4 * 10**9, 200, 3),
}


def full(jail: str) -> str:
    """The name of a full evaluation."""
    return f"sandbox-load, {jail}"


def make(path: Path, size: Size, *words: str) -> Path:
    """The checkpoint, made by a process of its own: torch in this one would be in every figure."""
    command = [sys.executable, "-m", "bench.checkpoints", str(path), str(size.nbytes), str(size.tensors), *words]
    subprocess.run(command, check=True)
    return path


def evaluation(name: str, model: Path, *words: str) -> Peer:
    """One evaluation by our own harness."""
    outputs = [model.with_name(f"ours{suffix}") for suffix in (".safetensors", ".manifest.json", ".metadata.json")]
    command = (sys.executable, "-m", "bench.evaluation", str(model), "--output", str(outputs[0]), *words)
    return Peer(name, command, outputs)


def peers(model: Path, jails: Sequence[str]) -> list[Peer]:
    """All that make a copy, safetensors or a verdict of it, and the import that most of them wait for."""
    target = model.with_name("plain.safetensors")
    ours = (sys.executable, "-m", "bench.plain")
    return [
        Peer(COPY, ("sh", "-c", _COPY_AND_SYNC, "sh", str(model), str(target)), [target]),
        Peer(IMPORT, (*ours, "import", str(model), str(target)), [target]),
        Peer(PLAIN, (*ours, "plain", str(model), str(target)), [target]),
        Peer(MAPPED, (*ours, "mmap", str(model), str(target)), [target]),
        evaluation(STATIC, model, "--static"),
        *(evaluation(full(jail), model, "--jail", jail) for jail in jails),
    ]


def watched(jail: str) -> str:
    """The name of a load under watch."""
    return f"watched, {jail}"


def unwatched(jail: str) -> str:
    """The name of the same load in the same jail, without the watch."""
    return f"not watched, {jail}"


def baseline(peer: str) -> str:
    """The peer that loads the same file in the same surroundings, and that nobody watches."""
    return f"not {peer}" if peer.startswith(watched("")) else OUTSIDE


def watch_peers(model: Path, file_format: str, jails: Sequence[str]) -> list[Peer]:
    """The same loader in each jail, with the watch and without; and with no jail, under strace and alone."""
    ours = (sys.executable, "-m", "bench.evaluation", str(model), "--jail")
    alone = (sys.executable, "-m", "bench.load", str(model), file_format)
    return [
        *(Peer(watched(jail), (*ours, jail)) for jail in jails),
        *(Peer(unwatched(jail), (*ours, jail, "--unwatched")) for jail in jails),
        Peer(OUTSIDE, alone),
        *(Peer(name, (*strace, *alone)) for name, strace in STRACES.items()),
    ]
