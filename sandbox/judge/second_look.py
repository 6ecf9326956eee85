"""The planted secrets, wherever they turned up: the host's own look, behind that of the jail's finder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.facts import Conversation, DynamicFacts
from sandbox.judge import wording
from sandbox.judge.dynamic import Fact, event_line, subject
from sandbox.judge.needles import Needles

_MOST_SEARCHED = 64 << 20  # bytes of conversations and files: some two seconds
_CARRIERS = ("net.",)  # events of which the finder has what they carried, too

_Text = tuple[str, str, str, bytes]  # a line that names it, what it is about, its name, its bytes


def secrets(dynamic: DynamicFacts, decoys: Mapping[str, str], planted: Mapping[str, str]) -> Iterator[Fact]:
    """The planted secrets that turned up in an event, in what left or was written, or in what the load said.

    It stops after `_MOST_SEARCHED` bytes. What went over the network is told only of decoys that the jail's finder did
    not see leave, what was written only of those that it did not see at all: its events say more. `planted` says which
    decoy stood in which file: that it still does is no theft.
    """
    needles = Needles(decoys)
    sent, written = (_named(dynamic, kind) for kind in ("decoy.sent", "decoy.written"))
    for event in dynamic.events:
        told = sent if event.kind.startswith(_CARRIERS) else frozenset()
        for what in needles.found(_joined(event.detail.values())):
            if what not in told:
                yield "decoy.sent", f"{event_line(event)}: holds {what}", what, subject(event)
    left = _MOST_SEARCHED
    for texts, told in ((_conversations(dynamic), sent), (_files(dynamic), sent | written)):
        for line, detail, name, untrusted_bytes in texts:
            for what in needles.found(_joined([name]) + b"\n" + untrusted_bytes[:left]):
                if what not in told and planted.get(detail) != what:
                    yield "decoy.sent", f"{line}: holds {what}", what, detail
            left = max(0, left - len(untrusted_bytes))
    said = (text for hint in dynamic.hints for text in (hint.detail, hint.because))
    for what in needles.found(_joined((*(text for _, text, _ in dynamic.printed), dynamic.load_error, *said))):
        yield "decoy.printed", f"output of the load: holds {what}", what, ""


def _named(dynamic: DynamicFacts, kind: str) -> frozenset[str]:
    return frozenset(event.detail.get("name", "") for event in dynamic.events if event.kind == kind)


def _conversations(dynamic: DynamicFacts) -> Iterator[_Text]:
    for row in dynamic.conversations:
        if not _is_tools_word(row):
            where = f"{row.name or row.address}:{row.port}"
            yield f"conversation {row.id}: {where}", where, row.name, row.sent


def _files(dynamic: DynamicFacts) -> Iterator[_Text]:
    for kept in dynamic.artifacts:
        yield f"file {kept.path}", kept.path, kept.path, kept.content


def _is_tools_word(row: Conversation) -> bool:
    """A planted tool tells its whole environment, in which secrets stand; to an address that nobody has."""
    return (wording.plain_address(row.address), str(row.port)) == wording.TOOLS


def _joined(untrusted_texts: Iterable[str]) -> bytes:
    """All of them in one; no spelling of a secret holds a line break."""
    return "\n".join(untrusted_texts).encode("utf-8", "replace")
