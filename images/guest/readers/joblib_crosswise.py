"""What plain pickle.load makes of a file that joblib wrote, where that is more than joblib does.

To it the bytes of an array are opcodes. An array of objects is a whole pickle of its own to joblib, with a memo of its
own; plain pickle reads on in the outer one's memo. So what the inner pickle fetches again is something else: the first
is "numpy", for numpy.dtype, and in its place stands whatever text the outer pickle put there. Plain pickle ends at such
a name, unless there is a module of it that has numpy's `dtype`. An honest array of objects holds this one wrong name,
and what lies behind it is never reached; but it is read all the same, as if a `dtype` had been found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from guest.readers.constructors import KnownConstructors
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.inert import Global
from guest.readers.known import NestedLoad
from guest.readers.pickle_file import behind, unresolved
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, UseKey, Where
from guest.readers.source import Source
from guest.readers.stream import Stream

Extent = tuple[int, int]  # of an array of objects, in the source

_MENTIONS = ("reference", "extension")
_DTYPE = "dtype"
# Words that are modules with numpy's dtype. Any other word is none that has it; of a dotted name nobody can know.
_WITH_DTYPE = frozenset({"numpy", "pylab", "cupy", "dpnp", "cunumeric", "cupynumeric", "nlcpy", "bohrium"})
# Words that are modules which act when they are imported, whatever is looked for in them.
_ACTING = frozenset({"antigravity", "this", "turtledemo", "__phello__", "idlelib"})
# Whose modules are looked into, and have none of their own.
_WITHOUT = frozenset({"joblib", "sklearn", "imblearn", "xgboost", "lightgbm", "catboost"})


def note(source: Source, session: Session, nested: NestedLoad, at: Where, arrays: Sequence[Extent]) -> None:
    """Tell in `session`, which holds what joblib does, what more plain pickle would. `arrays`: of objects, in order."""
    other = Session(session.bounds)
    known = KnownConstructors(other, source.origin, unresolved(other), nested)
    unpickler = _Crosswise(Stream(source, other), other, known, at.form, at.record)
    unpickler.arrays = arrays
    try:
        unpickler.load()
        behind(unpickler, other)
    except BoundError:
        session.incomplete("what plain pickle makes of joblib's arrays was not followed to its end")
    except UnreadableError:
        pass
    reached = len(other.uses) if unpickler.ended is None else unpickler.ended
    uses = list(other.uses)
    _tell_reached(uses[:reached], session, at)
    _tell_beyond(uses[reached:], session, at)


def _tell_reached(uses: list[UseKey], session: Session, at: Where) -> None:
    """What plain pickle does that joblib doesn't, be it with a name that joblib only comes by."""
    told = {_act(key) for key in session.uses} | {(key[2], False) for key in session.uses}
    for name in dict.fromkeys(key[2] for key in uses if _act(key) not in told):
        session.oddity(at.form, "joblib.opcodes", f"an array's bytes are opcodes that use {name[:256]}", at.record)
        session.used(Where(at.form, at.record), Global(name, name), "reduce", False, None)


def _tell_beyond(uses: list[UseKey], session: Session, at: Where) -> None:
    """What only an unpickler gets to that passes over names which aren't there."""
    told = {key[2] for key in session.uses}
    for name in dict.fromkeys(key[2] for key in uses if key[2] not in told):
        session.used(Where(at.form, at.record), Global(name, name), "reference", False, None)


def _act(key: UseKey) -> tuple[str, bool]:
    return key[2], key[3] not in _MENTIONS


class _Crosswise(Unpickler):
    """Plain pickle's reading. `ended`: how many uses there were when it came by a name that it ends at."""

    arrays: Sequence[Extent] = ()
    ended: int | None = None

    def refer(self, module: str, name: str) -> Global:
        if name != _DTYPE or module in _ACTING or not self._in_array():
            return super().refer(module, name)
        if self.ended is None and _lacks_dtype(module):
            self.ended = len(self.session.uses)
        return super().refer("numpy", _DTYPE)

    def _in_array(self) -> bool:
        at = bisect_right(self.arrays, self.where.offset, key=lambda extent: extent[0]) - 1
        return at >= 0 and self.where.offset < self.arrays[at][1]


def _lacks_dtype(module: str) -> bool:
    root, dot, rest = module.partition(".")
    if dot:
        return root in _WITHOUT and "externals" not in rest
    return module not in _WITH_DTYPE
