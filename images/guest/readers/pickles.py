"""An unpickler that imports and calls nothing.

Every global becomes a `Global`, every call a `Call` or, for the constructors we know, the inert value that it makes.
It follows CPython's C unpickler where that one and the pure Python one differ, such as at FRAME.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

from guest.readers.containers import CONTAINERS
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.literals import LITERALS
from guest.readers.machine import Machine
from guest.readers.opcodes import ACTIONS
from guest.readers.session import Where

# What the real unpickler would raise too, one way or another.
_REFUSED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


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
        """The loop that all time is spent in: locals, and a count that is settled at its end."""
        where, byte, tell, dispatch = self.where, self.stream.byte, self.stream.tell, _DISPATCH
        nodes = 0
        try:
            while not self.done:
                where.offset = tell()
                code = byte()
                nodes += 1
                if nodes > left:
                    raise BoundError(f"more than {self.session.bounds.nodes} pickle opcodes and objects")
                where.opcode, act = dispatch.get(code) or _unknown(code)
                act(self)
        finally:
            self.session.nodes += nodes
            self.tell_handed()
            self.tell_torn()


def _place(where: Where) -> str:
    at = f"{where.opcode} at {where.offset}" if where.opcode else "it begins as no format that is known here"
    return f"{where.record or 'the pickle'}: {at}"


def _unknown(code: int) -> tuple[str, Callable[[Machine], None]]:
    raise UnreadableError(f"no opcode of pickle: 0x{code:02x}")


def _pushing(read: Callable[[Any], object]) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        reader.stack.append(read(reader))

    return act


_ACTIONS = {**ACTIONS, **CONTAINERS}
_DISPATCH: dict[int, tuple[str, Callable[[Machine], None]]] = {
    ord(opcode.code): (opcode.name, _ACTIONS.get(opcode.name) or _pushing(LITERALS[opcode.name]))
    for opcode in pickletools.opcodes
}
