"""The command `python -m bench.conversion`: every layout by every contender, and their times at 1 GB."""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

from bench.conversion import large
from bench.conversion.contenders import contenders
from bench.conversion.page import Row, page
from bench.conversion.zoo import ZOO
from bench.measure import ROOT
from bench.results import machine

_PAGE = ROOT / "docs" / "conversion.md"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.conversion", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the times at 1 GB; prints, and writes nothing")
    parser.add_argument("--only", default="", metavar="WORD", help="layouts with this in their name or family; prints")
    parser.add_argument("--by", default="", metavar="WORD", help="contenders with this in their name; prints")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the layouts there, and leave them")
    parser.add_argument("--folder", help="where the large files are made and deleted again, default /tmp")
    return parser.parse_args()


def _rows(only: str, by: str, folder: Path) -> list[Row]:
    chosen = [layout for layout in ZOO.values() if only in layout.name or only in layout.family]
    taking_part = contenders(by)
    rows = []
    try:
        for layout in chosen:
            place = folder / layout.name
            place.mkdir(parents=True, exist_ok=True)
            path, expected = layout.make(place)
            judged = {contender.name: contender.convert(path, expected) for contender in taking_part}
            rows.append(Row(layout.family, layout.name, len(expected), judged))
            said = ", ".join(f"{each.outcome}" for each in judged.values())
            print(f"{layout.name}: {said}", file=sys.stderr, flush=True)
    finally:
        for contender in taking_part:
            contender.close()
    return rows


def main() -> int:
    """Make, convert, judge, tell."""
    options = _options()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        rows = _rows(options.only, options.by, options.keep or Path(folder))
        partial = bool(options.quick or options.only or options.by)
        times = {} if partial else large.measure(Path(folder))
    text = page(rows, times, machine())
    print(text)
    if not partial:
        _PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
