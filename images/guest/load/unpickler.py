"""The unpickler that loads use: the standard one, except that what isn't installed gets an inert stand-in.

It is given to torch.load as `pickle_module`, so it offers that module's names.
"""

from __future__ import annotations

import pickle
from collections import Counter
from pickle import UnpicklingError, dump, dumps  # noqa: F401 - part of the interface of a pickle module
from typing import Any

from guest.load.instead import INSTEAD
from guest.load.stand_ins import kind

absent: dict[str, str] = {}  # dotted name -> why
uses: Counter[str] = Counter()
looked_up: set[str] = set()
current = ""  # the last global that was looked up: a hint for the record
_stand_ins: dict[str, type] = {}


def stand_in(module: str, name: str, reason: str) -> type:
    """The stand-in class of one dotted name."""
    full = f"{module}.{name}"
    absent.setdefault(full, reason)
    return _stand_ins.setdefault(full, kind(module, full))


class StandIns:
    """For an unpickler to inherit from: what isn't installed gets a stand-in."""

    def find_class(self, module: str, name: str) -> Any:
        global current  # noqa: PLW0603 - the audit hook has no other way to know where the stream is
        current = f"{module}.{name}"
        looked_up.add(current)
        if current not in absent:
            try:
                found = super().find_class(module, name)  # type: ignore[misc]
                return INSTEAD[current](found) if current in INSTEAD else found
            except (ImportError, AttributeError) as error:
                stand_in(module, name, f"{type(error).__name__}: {error}")
        uses[current] += 1
        return _stand_ins[current]


class Unpickler(StandIns, pickle.Unpickler):
    """pickle.Unpickler with stand-ins."""


def load(file: Any, **options: Any) -> Any:
    """pickle.load, with stand-ins."""
    return Unpickler(file, **options).load()
