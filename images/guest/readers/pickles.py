"""An unpickler that imports and calls nothing.

Every global becomes a `Global`, every call a `Call` or, for the constructors we know, the inert value that it makes.
It follows CPython's C unpickler where that one and the pure Python one differ, such as at FRAME.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

from guest.readers.containers import CONTAINERS
from guest.readers.errors import UnreadableError
from guest.readers.literals import LITERALS
from guest.readers.machine import Machine
from guest.readers.opcodes import ACTIONS
from guest.readers.session import Where


class Unpickler(Machine):
    """One stream. `load` may be called again for the pickle that follows."""

    def load(self) -> object:
        """The object up to STOP. Raises UnreadableError; what was used before stands in the session."""
        self.reset()
        where, stream, session = self.where, self.stream, self.session
        try:
            while not self.done:
                where.offset = stream.tell()
                code = stream.byte()
                session.spend_node()
                where.opcode, act = _DISPATCH.get(code) or _unknown(code)
                act(self)
            return self.stack.pop()
        except UnreadableError as error:
            raise UnreadableError(f"{_place(where)}: {error}") from None
        except IndexError:
            raise UnreadableError(f"{_place(where)}: nothing on the stack") from None
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            name = type(error).__name__
            raise UnreadableError(f"{_place(where)}: {name}") from None


def _place(where: Where) -> str:
    return f"{where.record or 'the pickle'}: {where.opcode} at {where.offset}"


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
