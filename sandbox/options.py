"""The options of an evaluation, as words of a command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

JAILS = ("auto", "bubblewrap", "docker", "gvisor")
_MOST_SECONDS = 10_000_000


def add_output(out: argparse._ArgumentGroup) -> None:
    """What is written, and where to."""
    out.add_argument("-o", "--output", metavar="OUT.safetensors", type=Path, help="default: beside MODEL")
    out.add_argument("--no-output", action="store_true", help="only evaluate")
    out.add_argument("--force", action="store_true", help="replace existing outputs")
    out.add_argument("--salvage", action="store_true", help="write the weights whatever the verdict")
    out.add_argument(
        "--allow-returned", action="store_true", help="write tensors, too, that only the file's code makes"
    )
    out.add_argument("--strip-prefix", metavar="P", default="", help="take P off the front of the tensors' names")
    out.add_argument(
        "--select", metavar="PATTERN", action="append", default=[], help="only tensors of such names, like 'model.*'"
    )
    out.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="no tensors of such names, like '*.bias'"
    )
    out.add_argument(
        "--tied", choices=("keep", "drop"), default="keep", help="drop: write a tensor of several names once"
    )
    out.add_argument("--shard-size", metavar="SIZE", help="several files of at most SIZE, like 5GB, and their index")
    out.add_argument("--split-optimizer", action="store_true", help="the optimizer's tensors in a file of their own")
    out.add_argument(
        "--report", metavar="FORMAT=PATH", action="append", default=[], help="write the report to a file, too"
    )
    out.add_argument("--evidence", metavar="DIR", type=Path, help="write what it said, left and ran to a new folder")
    out.add_argument("--format", choices=("text", "json"), default="text", help="of the report on standard output")


def add_how(how: argparse._ArgumentGroup) -> None:
    """In what jail, under which policy, how long."""
    how.add_argument(
        "--policy", metavar="evaluate|detonate|PATH", default="evaluate", help="a policy's name or .toml file"
    )
    how.add_argument(
        "--persona", metavar="NAME", default="laptop", help="whose machine it looks like: laptop, ci, notebook, gpu-vm"
    )
    how.add_argument(
        "--rules",
        metavar="FILE.toml",
        type=Path,
        action="append",
        default=[],
        help="rules of your own: add, tune or silence, each with a reason",
    )
    how.add_argument(
        "--jail",
        choices=JAILS,
        default="auto",
        help="default: docker when it is prepared, else bubblewrap",
    )
    how.add_argument("--runtime", metavar="NAME", help="an OCI runtime that Docker has registered")
    how.add_argument("--sha256", metavar="HEX", type=_digest, help="start nothing unless MODEL has this digest")
    how.add_argument("--static", action="store_true", help="read and convert; load nothing")
    how.add_argument("--timeout", metavar="S", type=_seconds, help="wall clock of the whole evaluation, in seconds")
    how.add_argument("--linger", metavar="S", type=_seconds, help="seconds for what the load leaves running")
    how.add_argument("--exercise", action="store_true", help="touch the loaded object as users do before they run it")
    how.add_argument("--clock", metavar="SHIFT", help="load it at another time of day, like +400d or -12h")
    how.add_argument("--memory", metavar="SIZE", help="of the jail, like 4G")


def joined(words: Sequence[str]) -> list[str]:
    """`--clock -30d` as one word: argparse would take its second for an option."""
    joined: list[str] = []
    for word in words:
        if joined[-1:] == ["--clock"] and word[:1] == "-" and word[1:2].isdigit():
            joined[-1] = f"--clock={word}"
        else:
            joined.append(word)
    return joined


def _digest(text: str) -> str:
    if len(text) != 64 or not set(text.lower()) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("it takes 64 hexadecimal digits")
    return text.lower()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"it takes a number of seconds above 0 and below {_MOST_SECONDS}")
    return seconds
