"""The stack machine that pickle opcodes act on. Calls and globals are recorded, never made or imported."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from guest.readers import bombs, configured, kept, keys
from guest.readers.errors import UnreadableError
from guest.readers.inert import Bag, Call, Global, MappingObject, member
from guest.readers.session import ARRAY_MAKERS, Session, Where
from guest.readers.stream import Stream
from guest.readers.texts import Met, Place


class Constructors(Protocol):
    """What gives meaning to the calls of a stream."""

    def call(self, made: Call, where: Where) -> object:
        """The value of a call that was just made; `made` itself when it isn't known."""

    def settled(self, name: str) -> bool:
        """Whether what the constructor does is known whatever its arguments are."""

    def reads(self, name: str) -> bool:
        """Whether the constructor is harmless only since what it is given is read here, too."""

    def build(self, target: object, state: object, where: Where) -> object | None:
        """Give a known value its state: what stands in its place then, itself as a rule; None when it isn't known."""

    def persistent(self, pid: object, where: Where) -> object:
        """What a persistent id stands for."""


class Machine:
    """The state of one stream."""

    def __init__(
        self,
        stream: Stream,
        session: Session,
        constructors: Constructors,
        form: str,
        record: str,
        encodings: tuple[str, ...] = ("utf-8",),
    ) -> None:
        self.stream = stream
        self.session = session
        self.encodings = encodings
        self.constructors = constructors
        self.where = Where(form, record)
        self.met = Met(session.texts)
        self._globals: dict[tuple[str, bool], Global] = {}
        self._handed: dict[str, int] = {}
        self._holders: dict[int, object] = {}  # by their identity, which they keep as long as they are here
        self.owned: list[kept.Owned] = []
        self._set_at: list[Where] = []  # where each of these was set
        self.reset()

    def reset(self) -> None:
        """As before the first opcode of a pickle."""
        self.begun = self.stream.tell()
        self.proto = 0
        self.memo: dict[int, Any] = {}
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.done = False
        self.dropped = ""

    def oddity(self, ident: str, detail: str) -> None:
        """At the present opcode."""
        self.session.oddity(self.where.form, ident, detail, self.where.record, self.where.offset)

    def pop_mark(self) -> list[Any]:
        items = self.stack
        if not self.marks:
            raise UnreadableError("no MARK on the stack")
        self.stack = self.marks.pop()
        return items

    def refer(self, module: str, name: str) -> Global:
        """A global, known by its spelling and by its name of today."""
        spelled = f"{module}.{name}"
        old = self.proto < 3
        found = self._globals.get((spelled, old))
        if found is None:
            found = Global(spelled, _canonical(module, name) if old else spelled)
            found.read = self.constructors.reads(found.canonical)
            self._globals[spelled, old] = found
        self.session.used(self.where, found, "reference", False, None)
        self.pushed(found)
        return found

    def pushed(self, found: object) -> None:
        """Something came on the stack once more: what is read here when it is called must be called, and no more."""
        if type(found) is Global and found.read:
            self._handed[found.name] = self._handed.get(found.name, 0) + 1

    def remade(self, holder: object, kind: object) -> None:
        """`holder` names the class of an array: of each that does, one mention of it is no handing on."""
        if type(kind) is Global and kind.read and id(holder) not in self._holders:
            self._holders[id(holder)] = holder
            self._handed[kind.name] = self._handed.get(kind.name, 0) - 1

    def name(self, called: str) -> None:
        """A dictionary names that under a key by which frameworks know what to call."""
        if configured.is_library(called):
            self.session.texts.tell(configured.KIND, called, (), self.place(), (called,))

    def place(self) -> Place:
        """Of the present opcode, as texts have theirs."""
        where, session = self.where, self.session
        return Place(where.form, session.named(where.record), where.offset, session.file)

    def hashed(self, found: Iterable[object]) -> None:
        """Keys of a dictionary or items of a set, as they were put in."""
        for key in found:
            name = keys.kept_in(key)
            if name:
                self.oddity("key.kept", f"{name[:256]} is kept in what a dictionary or a set looks up")

    def tell_handed(self) -> None:
        """At the end of a stream: what stayed anywhere but at the front of a call may be called by what holds it."""
        for name, count in self._handed.items():
            if count:
                self.oddity("pickle.handed", f"{name} is handed on")
        self._handed = {}
        self._holders = {}

    def own(self, owner: str, state: object) -> None:
        """An object of that class was given this at the present opcode."""
        self.owned.append((owner, state))
        self._set_at.append(replace(self.where))

    def tell_kept(self) -> None:
        """At the end of a stream, when what an object was given is filled: what waits in it to be called."""
        for ident, detail in kept.told(self.owned):
            self.oddity(ident, detail)
        for owned, where in zip(self.owned, self._set_at, strict=True):
            for found, bound in kept.later(owned):
                self.session.used(where, found, "kept", False, bound, each=True)
        self.owned, self._set_at = [], []

    def tell_looked_up(self, given: object) -> None:
        """What dictionaries call that somebody's code is given: it needs to ask for a key, and no more."""
        for name in kept.looked_up(given):
            self.oddity(kept.FACTORY, f"{name[:256]} is what a dictionary calls for each key that it hasn't")

    def tell_torn(self) -> None:
        """At the end of a stream: something in it lies across the end of a frame, where unpicklers differ."""
        if self.stream.torn:
            self.oddity("pickle.frame", "a frame that is cut off, or ends inside of an instruction")
            self.session.incomplete("a frame of the pickle is cut off, or ends inside of an instruction")
            self.stream.torn = False

    def invoke(self, kind: str, callee: object, args: object, kwargs: object = None) -> object:
        """Call `callee`, inertly."""
        if isinstance(callee, Global) and callee.read:
            self._handed[callee.name] = self._handed.get(callee.name, 0) - 1
        callee = member(callee) or callee
        made = Call(kind, callee, args, kwargs)
        for owned in kept.of_call(made):
            self.own(*owned)
        if made.root is None:
            self.oddity("pickle.callee", f"a call of something that is no global: {made.name}")
            return made
        bare = kind == "newobj" and not args and not kwargs
        settled = not made.indirect and (bare or self.constructors.settled(made.root.canonical))
        given = (*args, kwargs) if kwargs and isinstance(args, tuple) else args
        self.session.used(self.where, made.root, kind, made.indirect, given, each=not settled)
        if not settled:
            self.met.given(given, self.where.offset)
            self.tell_looked_up(given)
        beyond = bombs.told(made)
        if beyond:
            self.oddity(bombs.BOMB, beyond)
        if not isinstance(args, tuple):
            self.oddity("pickle.arguments", f"{made.name} is called with no tuple of arguments")
            return made
        value = self.constructors.call(made, self.where)
        if isinstance(value, MappingObject | Bag):
            self.hashed(value if isinstance(value, MappingObject) else value.items)
        if made.name in ARRAY_MAKERS and value is not made:
            for given in args[:2]:
                self.remade(args, given)
        return value


def _canonical(module: str, name: str) -> str:
    """Python 3's name for what Python 2 pickled, as pickle.load maps it below protocol 3."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        module, name = _compat_pickle.NAME_MAPPING[(module, name)]
    else:
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    return f"{module}.{name}"
