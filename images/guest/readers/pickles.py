"""An unpickler that imports and calls nothing.

Every global becomes a `Global`, every call a `Call` or, for the constructors we know, the inert value that it makes.
It follows CPython's C unpickler where that one and the pure Python one differ, such as at FRAME.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from typing import Any

from guest.readers import seeing
from guest.readers.containers import CONTAINERS
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.inert import Call, Unresolved
from guest.readers.literals import LITERALS
from guest.readers.machine import Machine
from guest.readers.opcodes import ACTIONS
from guest.readers.session import Bounds, Session, Where
from guest.readers.source import Memory
from guest.readers.stream import Stream
from guest.readers.texts import Texts

# What the real unpickler would raise too, one way or another.
_INSIDE = 1 << 20  # bytes of a pickle in a string
_NAME = re.compile(r"[A-Za-z_][\w.<>]{0,255}\.[\w.<>]{1,255}")
_REFUSED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


Row = tuple[str, Callable[[Any], object], bool]  # an opcode's name, what it does, and whether it pushes what that gives
_ACTIONS = {**ACTIONS, **CONTAINERS}


class Unpickler(Machine):
    """One stream. `load` may be called again for the pickle that follows."""

    def load(self) -> object:
        """The object up to STOP. Raises UnreadableError; what was used before stands in the session."""
        self.reset()
        where, session = self.where, self.session
        try:
            self._interpret(session.bounds.nodes - session.nodes)
            return self.stack.pop()
        except UnreadableError as error:
            raise type(error)(f"{_place(where)}: {error}") from None
        except IndexError:
            raise UnreadableError(f"{_place(where)}: nothing on the stack") from None
        except MemoryError:  # where the reader has less of it than who loads the file
            raise BoundError(f"{_place(where)}: out of memory") from None
        except _REFUSED as error:
            raise UnreadableError(f"{_place(where)}: {type(error).__name__}") from None

    def _interpret(self, left: int) -> None:
        """The loop that all time is spent in: no call for an opcode's byte, and a count that is settled at its end."""
        where, stream, session, dispatch = self.where, self.stream, self.session, _DISPATCH
        nodes = 0
        try:
            for nodes in range(1, left + 1):  # noqa: B007 - settled below
                if stream.at >= stream.limit:
                    where.offset = stream.tell()
                    stream.ready(1)
                at = stream.at
                where.offset = stream.base + at
                stream.at = at + 1
                where.opcode, act, pushes = dispatch.get(stream.buffer[at]) or _unknown(stream.buffer[at])
                if pushes:
                    self.stack.append(act(self))
                else:
                    act(self)
                    if self.done:
                        return
            raise BoundError(f"more than {session.bounds.nodes} pickle opcodes and objects")
        finally:
            session.nodes += nodes
            self.tell_handed()
            self.tell_kept()
            self.tell_torn()
            self.tell_strings()

    def tell_strings(self) -> None:
        """At the end of a stream: of its strings those that matter."""
        seeing.look(self.met.ended(), self.place(), self.session.texts, names_in)


class _Unknowing:
    """Constructors for a pickle that nobody may ever load: what it names is all that is asked."""

    def call(self, made: Call, _where: Where) -> object:
        return made

    def settled(self, _name: str) -> bool:
        return False

    def reads(self, _name: str) -> bool:
        return False

    def build(self, _target: object, _state: object, _where: Where) -> object | None:
        return None

    def persistent(self, pid: object, _where: Where) -> object:
        return Unresolved(pid)


def names_in(data: bytes, texts: Texts) -> tuple[str, ...]:
    """The globals that bytes name if they are a pickle, those that it does something with first; none if they aren't.

    Broken ones count as far as they got: what they call is called before they break.
    """
    session = Session(Bounds(nodes=max(0, texts.budget.nodes), pickle_bytes=_INSIDE), texts=texts)
    unpickler = Unpickler(Stream(Memory(memoryview(data), (0, 0)), session), session, _Unknowing(), "pickle", "")
    whole = True
    try:
        unpickler.load()
    except UnreadableError:
        whole = False
    texts.budget.nodes -= session.nodes
    acted = {key[2]: None for key in session.uses if key[3] not in ("reference", "extension")}
    named = {key[2]: None for key in session.uses} if whole else acted
    return tuple(name for name in {**acted, **named} if _NAME.fullmatch(name))


def _place(where: Where) -> str:
    at = f"{where.opcode} at {where.offset}" if where.opcode else "it begins as no format that is known here"
    return f"{where.record or 'the pickle'}: {at}"


def _unknown(code: int) -> Row:
    raise UnreadableError(f"no opcode of pickle: 0x{code:02x}")


_DISPATCH: dict[int, Row] = {
    ord(opcode.code): (opcode.name, LITERALS[opcode.name], True)
    if opcode.name in LITERALS
    else (opcode.name, _ACTIONS[opcode.name], False)
    for opcode in pickletools.opcodes
}
