"""Every checkpoint of a folder, converted in one jail, as a table: `python -m bench.compatibility MODELS_DIR`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import ROOT
from bench.results import machine
from bench.tables import table

_PAGE = ROOT / "docs" / "compatibility.md"
_NOT_MODELS = frozenset({"README.md"})
_SHOWN = 200


@dataclass(frozen=True)
class Row:
    """One file. `labels`: tensors by how their bytes were had; `verified`: what `verify` says of the output."""

    file: str
    nbytes: int
    formats: str
    labels: str
    verdict: str
    exit_code: int
    seconds: float
    verified: str
    reason: str


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compatibility", description=__doc__)
    parser.add_argument("models", type=Path, metavar="MODELS_DIR")
    parser.add_argument("--only", default="", metavar="WORD", help="files with this in their path; prints")
    parser.add_argument("--jail", default="bubblewrap")
    return parser.parse_args()


def _cli(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.cli", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )


def evaluate(model: Path, folder: Path, jail: str) -> Row:
    """Convert it as a user would, and check the output against it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        out = Path(made) / "out.safetensors"
        started = time.monotonic()
        done = _cli(str(model), "-o", str(out), "--jail", jail, "--format", "json", "-q")
        seconds = time.monotonic() - started
        verified = "-"
        if out.exists():
            checked = _cli("verify", str(out), "--source", str(model))
            verified = "yes" if checked.returncode == 0 else f"**no ({checked.returncode})**"
        report = done.stdout.rstrip().rpartition("\n")[0]
        return row(
            model, folder, json.loads(report) if report else {}, (done.returncode, done.stderr), seconds, verified
        )


def row(
    model: Path, folder: Path, report: dict[str, Any], ended: tuple[int, str], seconds: float, verified: str
) -> Row:
    """What the table says of a report, or of a command that gave none. `ended`: its exit code and its complaint."""
    code, complaint = ended
    counts = {label: count["tensors"] for label, count in report.get("tensors", {}).items() if count["tensors"]}
    names = [each["name"] for each in report.get("formats", [])]
    reasons = report.get("reasons") or ([report["not_written"]] if report.get("not_written") else [])
    said = reasons[0] if reasons else (complaint.strip().splitlines() or [""])[-1] if code else ""
    return Row(
        model.relative_to(folder).as_posix(),
        model.stat().st_size,
        ", ".join(names) or "-",
        ", ".join(f"{label} {count}" for label, count in counts.items()) or "-",
        report.get("verdict", "-"),
        code,
        seconds,
        verified,
        said.replace(f"{folder}/", ""),
    )


def page(rows: Sequence[Row], jail: str, on: str) -> str:
    """docs/compatibility.md, whole."""
    return "\n".join(_page(rows, jail, on)) + "\n"


def _page(rows: Sequence[Row], jail: str, on: str) -> Iterator[str]:
    written = sum(row.verified != "-" for row in rows)
    yield "# Real checkpoints"
    yield ""
    yield "Written by `python -m bench.compatibility MODELS_DIR`: every file of a folder of checkpoints that others"
    yield f"made and published, evaluated and converted in {jail}, whole commands with the start of the jail."
    yield "*Labels*: how many tensors' bytes were copied from the file, gathered by strides, decoded, or returned"
    yield "by its code. *Verified*: whether `sandbox-load verify` finds the output, its manifest and the file in"
    yield "agreement."
    yield ""
    yield on
    yield ""
    verdicts = Counter(row.verdict for row in rows)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    yield f"{len(rows)} files: {written} converted, {len(rows) - written} not; {counted}."
    yield ""
    head = ("file", "KB", "format", "labels", "verdict", "exit", "s", "verified")
    yield from table(head, map(_cells, sorted(rows, key=lambda row: row.file)))
    said = [row for row in sorted(rows, key=lambda row: row.file) if row.reason]
    if said:
        yield from ("", "## Not converted, or not quietly, and why", "")
        yield from table(("file", "reason"), ((row.file, _cell(row.reason)) for row in said))


def _cells(row: Row) -> Sequence[str]:
    figures = (row.verdict, str(row.exit_code), f"{row.seconds:.2f}", row.verified)
    return row.file, f"{row.nbytes / 1000:.0f}", row.formats, row.labels, *figures


def _cell(text: str) -> str:
    plain = " ".join(text.replace("|", "/").split())
    return plain[:_SHOWN] + "..." * (len(plain) > _SHOWN)


def main() -> int:
    """One file after another."""
    options = _options()
    folder = options.models.resolve()
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    models = [path for path in found if path.relative_to(folder).as_posix() not in _NOT_MODELS]
    rows = []
    for model in (model for model in models if options.only in str(model.relative_to(folder))):
        rows.append(evaluate(model, folder, options.jail))
        print(f"{rows[-1].file}: {rows[-1].verdict}, {rows[-1].seconds:.1f} s", file=sys.stderr, flush=True)
    text = page(rows, options.jail, machine())
    print(text)
    if not options.only:
        _PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
