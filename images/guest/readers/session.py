"""What one reading finds: how globals are used, oddities, and why it isn't complete; all of it bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

import wire

from guest.readers.errors import BoundError
from guest.readers.inert import Global, describe, is_plain
from guest.readers.parts import Parts
from guest.readers.plain import BYTES, PLAIN, SPOILING, Hidden, Plainness
from guest.readers.source import Source
from guest.readers.texts import Budget, Texts

# Rows of one sort. An honest file has a few dozen; a hostile one gains nothing from more.
MAX_USES = 50_000
MAX_TOLD = 64  # different arguments of one global in one record
MANY = f"<more than {MAX_TOLD} different argument lists>"
MANY_PLAIN = f"<{MAX_TOLD} plain argument lists, and others>"  # of texts and numbers, which have no code of their own
MANY_HARMLESS = f"(<all {PLAIN}>, <{BYTES}>)"  # of words, numbers and packed bytes
# Its class opens files, but not when an array of it is remade: constructors.py counts what else becomes of the name.
REMADE = frozenset({"numpy.memmap", "numpy.core.memmap.memmap", "numpy._core.memmap.memmap"})
ARRAY_MAKERS = frozenset(
    {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ma.core._mareconstruct"}
)
_MENTIONS = frozenset({"reference", "subtype", "persistent"})  # uses that do nothing with a global
MAX_ODDITIES = 64  # of one id
MAX_REASONS = 8


@dataclass(frozen=True)
class Bounds:
    """The order's bounds: the policy's numbers."""

    nodes: int = 20_000_000  # pickle opcodes, and things walked
    depth: int = 256  # of names; nested files count 1 each
    pickle_bytes: int = 1 << 30  # of pickle streams, taken into memory
    tensors: int = 1_000_000
    output_bytes: int = 1 << 40  # all tensors together
    metadata_bytes: int = 16 << 20
    inflated_bytes: int = 512 << 20  # all that was inflated, together
    inflated_base: int = 64 << 20  # what one inflation may make, whatever it is made of,
    inflated_per_byte: int = 256  # and for each compressed byte
    members: int = 10_000  # of all archives together
    archives: int = 8  # files inside of files, so deep

    @classmethod
    def of(cls, order: dict[str, int]) -> Bounds:
        """From the order's JSON; unknown keys are the order's business."""
        known = {spec.name for spec in fields(cls)}
        return cls(**{name: int(value) for name, value in order.items() if name in known})


@dataclass
class Use:
    """One row in the making. Its key: format, record, name, use, indirect, the arguments where they tell, the file."""

    opcode: str
    offset: int
    arguments: str
    count: int = 1


UseKey = tuple[str, str, str, str, bool, str, int]


@dataclass(frozen=True)
class Stored:
    """A run of elements, whether or not tensors are made of all of it. `texts`: they are no numbers."""

    source: Source
    record: str
    file: int
    texts: bool


@dataclass
class Session:
    """Shared by all readers of one file."""

    bounds: Bounds
    nodes: int = 0
    pickle_bytes: int = 0
    inflated: int = 0
    members: int = 0
    uses: dict[UseKey, Use] = field(default_factory=dict)
    oddities: list[wire.Oddity] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)
    aside: Budget = field(default_factory=Budget)  # of what lies where honest files hold next to nothing
    filled: int = 32 << 20  # bytes that are looked through where they hold anything
    stored: list[Stored] = field(default_factory=list)
    frameworks: dict[str, None] = field(default_factory=dict)
    sources: list[tuple[str, str, object]] = field(
        default_factory=list
    )  # class, file name, text: old torch embeds code
    sparse: list[Parts] = field(default_factory=list)  # whose indices are looked at when their bytes have places
    inside: dict[str, bool] = field(default_factory=dict)  # formats of members, and whether there is a reader for each
    unread: dict[str, str] = field(default_factory=dict)  # members in a format without a reader, and which it is
    file: int = 0  # of the input, by its place in the order's list: the one that is being read
    plainness: Plainness = field(default_factory=Plainness)
    hidden: Hidden = field(default_factory=Hidden)
    _member: str = ""  # path of the member that is being read
    _told_of: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _oddity_counts: dict[str, int] = field(default_factory=dict)

    def adopt(self, other: Session, form: str) -> None:
        """What another session noted of the same file, which is read as `form` now."""
        for oddity in other.oddities:
            self.oddity(form, oddity.id, oddity.detail, oddity.record, oddity.offset)
        for reason in other.reasons:
            self.incomplete(reason)

    @contextmanager
    def within(self, member: str) -> Iterator[str]:
        """While a member is read: records are told with its path, which is the value."""
        before, self._member = self._member, f"{self._member}{member}!"
        try:
            yield self._member[:-1]
        finally:
            self._member = before

    @property
    def member(self) -> str:
        """Path of the member that is being read, "" for the file itself."""
        return self._member[:-1]

    def store(self, source: Source, record: str, *, texts: bool = False) -> None:
        """Elements lie here."""
        self.stored.append(Stored(source, self.named(record), self.file, texts))

    def spend_bytes(self, count: int) -> None:
        """Bytes of a pickle stream, or decoded from one, held in memory. Raises BoundError."""
        self.pickle_bytes += count
        if self.pickle_bytes > self.bounds.pickle_bytes:
            raise BoundError(f"more than {self.bounds.pickle_bytes} bytes of pickles")

    def spend_inflated(self, more: int, made: int, compressed: int) -> None:
        """Bytes that were inflated, `made` so far out of `compressed`. Raises BoundError."""
        self.inflated += more
        if self.is_bomb(made, compressed):
            raise BoundError(
                f"compressed data that inflates to more than {self.bounds.inflated_per_byte} times its size"
            )
        if self.inflated > self.bounds.inflated_bytes:
            raise BoundError(f"compressed data that inflates to more than {self.bounds.inflated_bytes} bytes")

    def is_bomb(self, made: int, compressed: int) -> bool:
        """Whether no honest content shrinks so far."""
        return made > self.bounds.inflated_base + self.bounds.inflated_per_byte * compressed

    def count_member(self) -> None:
        """One more file in an archive. Raises BoundError."""
        self.members += 1
        if self.members > self.bounds.members:
            raise BoundError(f"more than {self.bounds.members} members of archives")

    def incomplete(self, reason: str) -> None:
        """Something was not read. The sentence goes to the user."""
        if reason not in self.reasons and len(self.reasons) < MAX_REASONS:
            self.reasons.append(reason)

    def oddity(self, form: str, ident: str, detail: str, record: str = "", offset: int = 0) -> None:
        """Something an honest writer would not do."""
        count = self._oddity_counts.get(ident, 0) + 1
        self._oddity_counts[ident] = count
        if count > MAX_ODDITIES:
            return
        text = detail if count < MAX_ODDITIES else f"{detail}; and more of the kind"
        self.oddities.append(
            wire.Oddity(
                form, ident, text[: wire.MAX_TEXT], self.named(record), min(max(offset, 0), wire.MAX_SIZE), self.file
            )
        )

    def used(
        self, where: Where, target: Global, use: str, indirect: bool, arguments: object, *, each: bool = False
    ) -> None:
        """A global was used by the opcode that `where` stands at. `each`: a row for each different arguments.

        Without it a harmless first use would hide what the second is given.
        """
        text = self._told(where, target, arguments) if each else ""
        key = (where.form, self.named(where.record), target.name, use, indirect, text, self.file)
        row = self.uses.get(key)
        if row is not None:
            row.count += 1
            return
        if len(self.uses) >= MAX_USES:
            raise BoundError(f"more than {MAX_USES} different uses of globals")
        shown = text or ("" if arguments is None else self._described(arguments))
        self.uses[key] = Use(where.opcode, where.offset, shown)
        if len(self.frameworks) < wire.MAX_MODULES:
            self.frameworks.setdefault(target.canonical.rpartition(".")[0][:256])

    def named(self, record: str) -> str:
        """A record by its path from the file, as it is told."""
        if not self._member:
            return record[: wire.MAX_NAME]
        return (f"{self._member}{record}" if record else self._member[:-1])[: wire.MAX_NAME]

    def _told(self, where: Where, target: Global, arguments: object) -> str:
        told = self._told_of.setdefault((self.named(where.record), target.name), set())
        full = len(told) >= MAX_TOLD
        if full and isinstance(arguments, tuple) and not self.hidden.of(arguments) and self.plainness.of(arguments):
            return MANY_HARMLESS
        if full and is_plain(arguments):
            return MANY_PLAIN
        text = self._described(arguments)
        if full and text not in told:
            return MANY
        told.add(text)
        return text

    def _described(self, arguments: object) -> str:
        """As printed, and what may be said of all of it where that leaves something out."""
        text = describe(arguments)
        if not isinstance(arguments, tuple) or not text.endswith(")"):
            return text
        words = self.hidden.of(arguments)
        if ("b'" in text or 'b"' in text) and self.plainness.has_numbers(arguments):
            words.append(BYTES)
        level = self.plainness.of(arguments) if "..." in text and not SPOILING.intersection(words) else ""
        told = [f"<{word}>" for word in words] + ([f"<all {level}>"] if level else [])
        return f"{text[:-1].removesuffix(',')}, {', '.join(told)})" if told else text

    def global_rows(self) -> list[wire.GlobalUse]:
        """A reference is only worth a row when the record does nothing else with the global."""
        acted = {
            key[:3] for key in self.uses if key[3] not in _MENTIONS or (key[3] != "reference" and key[2] in REMADE)
        }
        return [
            wire.GlobalUse(
                format=form,
                name=name[: wire.MAX_NAME],
                use=use,
                indirect=indirect,
                opcode=row.opcode,
                record=record[: wire.MAX_NAME],
                offset=row.offset,
                count=row.count,
                arguments=row.arguments,
                file=file,
            )
            for (form, record, name, use, indirect, _, file), row in self.uses.items()
            if use != "reference" or (form, record, name) not in acted
        ]


@dataclass
class Where:
    """The opcode being interpreted."""

    form: str
    record: str
    opcode: str = ""
    offset: int = 0
