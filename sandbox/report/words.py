"""Numbers and lists for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

FEW = 5  # rows of a list before "and so many more"
LONG = 400  # characters of a sentence of ours, which may quote the file
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")

Lines = Iterator[str]


def size(nbytes: int) -> str:
    """Bytes for a person: three digits or so, decimal units."""
    amount = float(nbytes)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{nbytes} {unit}" if unit == "bytes" else f"{amount:.3g} {unit}"


def count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"


def some(rows: Iterable[str], verbose: int, few: int = FEW) -> Lines:
    """All of them with -v, otherwise the first few and how many more there are."""
    listed = list(rows)
    most = len(listed) if verbose else few
    yield from listed[:most]
    if len(listed) > most:
        yield f"and {len(listed) - most} more (-v shows them)"
