"""The weights as carriers: whether tensors begin as programs, pickles, archives or scripts do, and what no tensor uses.

The chance that random bits begin so is less than 1 in 2^60 for a program, whose header has that many fixed bits, and
than 1 in 2^80 for a pickle, which counts where it names something dangerous.
"""

from __future__ import annotations

from guest.readers import leftover, seeing
from guest.readers.plan import Plan
from guest.readers.session import Session, Stored
from guest.readers.texts import HEAD, Place

_HEADS = 40_000  # tensors whose beginning is looked at
_UNUSED = 2_000  # runs that no tensor uses
_ONE = 256 << 10  # bytes of one that begins as something
_DATA = (b"{", b"[", b"<")  # how texts begin that are no scripts: JSON, XML

Span = tuple[int, int]


def look(planned: Plan, form: str, session: Session) -> None:
    """At the beginning of each tensor and storage, and at what lies in a storage beside its tensors."""
    spans = _spans(planned)
    heads, runs = _HEADS, _UNUSED
    for stored in session.stored:
        used = sorted(spans.get(id(stored.source), []))
        places = sorted({0, *(low for low, _ in used)})
        for at in places[:heads]:
            _head(stored, at, form, session)
        unused = _unused(used, stored.source.length)
        for low, high in unused[:runs]:
            part = stored.source.part(low, high - low)
            only = leftover.STARTS - _starts(stored, part.at(0, min(part.length, HEAD)))
            leftover.look_through(part, leftover.UNUSED, only, session, _place(stored, low, form))
        heads, runs = heads - len(places), runs - len(unused)
        if min(heads, runs) < 0:
            session.texts.budget.passed = True
            return


def _spans(planned: Plan) -> dict[int, list[Span]]:
    """What the tensors use of each source."""
    spans: dict[int, list[Span]] = {}
    for tensor in planned.tensors:
        storage = tensor.view.storage
        source = storage.root.source if storage else None
        if storage is not None and source is not None and tensor.view.nbytes:
            low, high = tensor.span
            spans.setdefault(id(source), []).append((low + storage.shift, high + storage.shift))
    return spans


def _unused(used: list[Span], length: int) -> list[Span]:
    gaps: list[Span] = []
    end = 0
    for low, high in used:
        if low > end:
            gaps.append((end, low))
        end = max(end, high)
    return [*gaps, (end, length)] if end < length else gaps


def _head(stored: Stored, at: int, form: str, session: Session) -> None:
    source = stored.source
    left = source.length - at
    head = source.at(at, min(left, HEAD))
    if seeing.is_worth(head):
        part = source.part(at, min(left, _ONE))
        only = leftover.CODE - _starts(stored, head)
        leftover.look_through(part, leftover.WEIGHTS, only, session, _place(stored, at, form))


def _starts(stored: Stored, head: bytes) -> frozenset[str]:
    """What is not to be told of texts that are none of a program."""
    return leftover.CODE - leftover.RUNS if stored.texts or head.lstrip()[:1] in _DATA else frozenset()


def _place(stored: Stored, at: int, form: str) -> Place:
    return Place(form, stored.record, at, stored.file)
