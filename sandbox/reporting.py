"""Puts a finished report where the user wants it. The texts are made by `sandbox.report`, which knows no files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox import messages
from sandbox.facts import Report
from sandbox.report.renderers import RENDERERS
from sandbox.report.text import text

Target = tuple[str, Path]


def targets(wanted: Sequence[str]) -> list[Target]:
    """FORMAT=PATH words, checked before anything starts. Raises CallerError."""
    found = []
    for word in wanted:
        name, equals, path = word.partition("=")
        if not equals or not path or name not in RENDERERS:
            raise messages.error("report.words", word=word, formats=", ".join(RENDERERS))
        if path == "-":
            raise messages.error("report.stdout", word=word)
        if not Path(path).absolute().parent.is_dir():
            raise messages.error("report.folder", word=word)
        found.append((name, Path(path)))
    return found


def write(report: Report, wanted: Sequence[Target]) -> None:
    """Each report to its file, whole or not at all. Raises HostError."""
    for name, path in wanted:
        half = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            half.write_text(RENDERERS[name](report), encoding="utf-8")
            half.replace(path)
        except OSError as error:
            half.unlink(missing_ok=True)
            raise messages.error("report.failed", path=path, why=error.strerror) from None


def show(report: Report, name: str, verbose: int) -> None:
    """The report on standard output; colours only on a terminal that wants them. Raises HostError."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    shown = text(report, colour=colour, verbose=verbose) if name == "text" else RENDERERS[name](report)
    try:
        sys.stdout.write(shown if shown.endswith("\n") else shown + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read it has seen enough
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try again as it ends
        raise messages.error("report.failed", path="standard output", why=error.strerror) from None
