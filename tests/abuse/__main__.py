"""Runs rows of the table and shows what came of them; with --write, also in docs/abuse.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]

from tests.abuse import document  # noqa: E402
from tests.abuse.bench import Bench  # noqa: E402
from tests.abuse.case import NO_JAIL, Row  # noqa: E402
from tests.abuse.table import LOADS, ROWS, jails_of, order  # noqa: E402
from tests.jail.conftest import JAILS  # noqa: E402


def main() -> int:
    """How many rows failed, as an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jail", nargs="+", default=JAILS)
    parser.add_argument("--only", nargs="+", metavar="NUMBER", help="rows of these numbers")
    options = parser.parse_args()
    rows = [row for row in sorted(ROWS, key=order) if not options.only or row.number in options.only]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        return _run(rows, tuple(options.jail), Path(place), write=options.write)


def _run(rows: list[Row], jails: tuple[str, ...], place: Path, *, write: bool) -> int:
    place.chmod(0o755)
    benches = {jail: Bench(jail, place) for jail in (*jails, NO_JAIL)}
    shown = document.read()
    failed = 0
    for row in rows:
        for jail in jails_of(row, jails):
            try:
                evidence = benches[jail].show(row, LOADS)
            except Exception:
                failed += 1
                print(f"{row.number} {row.title} [{jail}]: FAILED\n{traceback.format_exc()}", flush=True)
                continue
            shown[row.number, row.title, jail] = evidence
            print(f"{row.number} {row.title} [{jail}]: {evidence.contained} | {evidence.recorded}", flush=True)
    if write:
        document.write(shown)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
