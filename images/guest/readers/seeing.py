"""Looks at one string of a file: as text, as bytes, and into what is encoded or compressed in it, to a depth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from guest.readers import configured, decoding, running, telling, templates
from guest.readers.inert import Bytes, Text
from guest.readers.texts import HEAD, Budget, Ended, Place, String, Texts

LAYERS = 4
_ONE = 256 << 10  # bytes of one string
_NAMES = 32  # globals of a nested pickle that are told in one row

_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_OLD_PICKLES = b"c(]}SVINX\x80"  # how those begin that the protocols 0 and 1 write, or somebody by hand
_OLD = _OLD_PICKLES.decode("latin-1")
_RAW = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\xa0]")
_BATCH = 256  # strings that are passed over together
_ZIP = b"PK\x03\x04"
_WIDE = 16  # bytes that may be UTF-16

# The globals that bytes name if they are a pickle; its own strings are told by what it is given.
Kinds = Sequence[telling.Kind]
ReadPickle = Callable[[bytes, Texts], tuple[str, ...]]


def look(ended: Ended, where: Place, texts: Texts, read_pickle: ReadPickle) -> None:
    """Tell what matters of a stream's strings. Those of a pickle within a string stand where that one does."""
    others = ((offset, value, telling.KINDS) for offset, value in ended.others)
    for offset, value, kinds in (*_telling(ended.strings), *others):
        text, data = _held(value, texts.budget)
        if text or data:
            place = texts.place or replace(where, offset=offset, used=ended.is_used(value))
            Look(texts, place, read_pickle).at(text, data, texts.how, kinds)


def _telling(strings: list[tuple[int, str]]) -> Iterator[tuple[int, str, Kinds]]:
    """Names and words are passed over together, at about the speed of copying them."""
    for at in range(0, len(strings), _BATCH):
        batch = strings[at : at + _BATCH]
        together = "\n".join(value for _, value in batch)
        kinds, encoded = telling.candidates(together), decoding.may_hold(together)
        speaking = _speaks(together)
        for offset, value in batch:
            own = telling.candidates(value, kinds) if kinds else ()
            if own or (encoded and decoding.may_hold(value)) or _is_raw(value) or (speaking and _speaks(value)):
                yield offset, value, own


def _speaks(text: str) -> bool:
    """To a framework, that is: what it shall call, or a template that it fills."""
    return configured.may_name(text) or templates.is_template(text)


def _is_raw(text: str) -> bool:
    """Bytes as text, as older protocols write them; a pickle by hand."""
    return bool(_RAW.search(text, 0, _WIDE)) or ("\n" in text and text[0] in _OLD)


@dataclass
class Look:
    """At strings that stand at one place."""

    texts: Texts
    place: Place
    read_pickle: ReadPickle

    def at(self, text: str, data: bytes, how: tuple[str, ...], kinds: Kinds = telling.KINDS) -> None:
        """Either may be empty: bytes that are no text, text that is no bytes. `kinds`: what the text may be."""
        for kind, shown in telling.told(text, kinds):
            self.texts.tell(kind, shown, how, self.place)
        for name in configured.names(text):
            self.texts.tell(configured.KIND, name, how, self.place, (name,))
        if templates.is_template(text) and templates.escape(text):
            self.texts.tell("template", templates.escape(text), how, self.place)
        self._run_or_read(data, how)
        if len(how) < LAYERS and not self.texts.budget.is_spent:
            for step, inner in _inside(text, data):
                if self.texts.budget.is_spent:
                    break
                if self.texts.budget.takes(inner):
                    self.at(as_text(inner), inner, (*how, step))

    def _run_or_read(self, data: bytes, how: tuple[str, ...]) -> None:
        kind, shown = running.kind_of(data)
        if kind:
            self.texts.tell(kind, shown, how, self.place)
        elif len(how) < LAYERS and _may_be_pickle(data):
            self.pickle(data, how)

    def pickle(self, data: bytes, how: tuple[str, ...]) -> bool:
        """Tell what a pickle names, and whether that is anything: what names nothing does nothing."""
        if not self.texts.budget.takes(b""):
            return False
        named = self.read_pickle(data, self.texts.within((*how, "pickle"), self.place))
        for at in range(0, len(named), _NAMES):
            names = named[at : at + _NAMES]
            self.texts.tell("pickle", ", ".join(names), how, self.place, names)
        return bool(named)


def _inside(text: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if len(text) >= decoding.RUN:
        yield from decoding.inside(text, is_worth)
    if data and not decoding.is_text(data[:HEAD]):
        width = _width(data)
        if width:
            yield f"utf-{8 * width}", data[::width]
        else:
            yield from decoding.inflated(data)
            if data.startswith(_ZIP):
                yield from (("zip", record) for record in decoding.records(data))


def _held(value: String, budget: Budget) -> tuple[str, bytes]:
    """As text and as bytes, both empty where the beginning of bytes is that of nothing."""
    if isinstance(value, str):
        return value, _as_bytes(value)
    small = value.small if isinstance(value, Bytes) else None
    data = small if small is not None else _beginning(value, budget)
    if isinstance(value, Text):
        text = data.decode("utf-8", "replace")
        return text, _as_bytes(text)
    return as_text(data), data


def as_text(data: bytes) -> str:
    return data.decode("latin-1") if decoding.is_text(data) else ""


def _as_bytes(text: str) -> bytes:
    """What an older protocol, or somebody's decode("latin-1"), made of bytes."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _beginning(value: Bytes | Text, budget: Budget) -> bytes:
    source = value.source
    head = source.at(0, min(source.length, HEAD))
    if not isinstance(value, Text) and not is_worth(head):
        return b""
    size = min(source.length, _ONE, HEAD + max(budget.data, 0))
    if size <= HEAD:
        return head
    budget.data -= size - HEAD
    return source.at(0, size)


def is_worth(head: bytes) -> bool:
    """Whether bytes begin as text does, or as something that is read, run or inflated."""
    return (
        decoding.is_text(head)
        or head.startswith((*_PICKLES, *running.BEGINNINGS, _ZIP))
        or running.kind_of(head) != ("", "")
        or _width(head) > 0
        or decoding.begins(head)
    )


def _may_be_pickle(data: bytes) -> bool:
    return data.startswith(_PICKLES) or (data[:1] in _OLD_PICKLES and len(data) > telling.LEAST and b"\n" in data)


def _width(data: bytes) -> int:
    """The bytes of each letter, where that is UTF-16 or, as numpy has its texts, UTF-32 of an ordinary text; else 0."""
    return next((width for width in (2, 4) if len(data) >= _WIDE and _is_wide(data, width)), 0)


def _is_wide(data: bytes, width: int) -> bool:
    low = data[::width]
    return data.count(0) * 10 >= (len(data) - len(low)) * 9 and decoding.is_text(low)
