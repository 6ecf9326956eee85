"""joblib's files: a pickle in whose midst the bytes of arrays stand, each behind the BUILD of what describes it.

Loaded by joblib, an array's wrapper is replaced as soon as it has its state; loaded by plain pickle, the array's bytes
would be opcodes. A file in which they do something as opcodes is odd: joblib_crosswise.py.
"""

from __future__ import annotations

import re
from math import prod

from guest.readers import joblib_crosswise, keys, leftover
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import ArgumentsError, BoundError, UnreadableError
from guest.readers.inert import Bytes, Call, Global, as_shape, as_text
from guest.readers.known import NestedLoad
from guest.readers.numpy_dtypes import NumpyDtype
from guest.readers.numpy_objects import NumpyArray, NumpyScalar, number
from guest.readers.pickle_file import behind, unresolved
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, Where
from guest.readers.source import Memory, Source
from guest.readers.stream import Stream
from guest.readers.tensors import HUGE, missing

NAME = "joblib"
_ROOTS = ("joblib", "sklearn.externals.joblib")
_INLINE = {f"{root}.numpy_pickle.NumpyArrayWrapper" for root in _ROOTS}
# Before 0.10: the array is a file of its own.
_BESIDE = {
    f"{root}.{module}.{name}"
    for root in _ROOTS
    for module in ("numpy_pickle", "numpy_pickle_compat")
    for name in ("NDArrayWrapper", "ZNDArrayWrapper")
}
WRAPPERS = _INLINE | _BESIDE
# How joblib called it: by the file's own name and a number. joblib.load opens whatever stands there, and unpickles it.
_OWN = re.compile(r"(?!\.\.?_)[^/\\:\0]+_\d{2,8}\.npy(?:\.z|\.gz|\.bz2)?")
_ALIGNMENT = "numpy_array_alignment_bytes"


def read(source: Source, session: Session, nested: NestedLoad, record: str = "") -> object:
    """The object of a file that joblib.dump wrote. Raises UnreadableError."""
    stream = Stream(source, session)
    known = _Constructors(session, source.origin, nested, stream)
    unpickler = Unpickler(stream, session, known, NAME, record, encodings=("ascii",))
    try:
        root = unpickler.load()
        end = stream.tell()
        others = behind(unpickler, session)
        if others:
            session.oddity(NAME, "joblib.several", f"{len(others) + 1} objects", record, end)
    finally:
        joblib_crosswise.note(source, session, nested, Where(NAME, record), known.of_objects)
    return root


class _Constructors(KnownConstructors):
    """Those of every pickle, and arrays that are taken out of the stream itself."""

    def __init__(self, session: Session, origin: tuple[int, int], nested: NestedLoad, stream: Stream) -> None:
        super().__init__(session, origin, unresolved(session), nested)
        self._session = session
        self._stream = stream
        self._nested = nested
        self._origin = origin
        self.of_objects: list[joblib_crosswise.Extent] = []

    def build(self, target: object, state: object, where: Where) -> object | None:
        """An array in place of its wrapper."""
        name = target.root.canonical if isinstance(target, Call) and target.root and not target.indirect else ""
        if name not in WRAPPERS:
            return super().build(target, state, where)
        if not isinstance(state, dict) or not keys.is_written(state):
            raise UnreadableError("an array's wrapper without its state")
        if name in _BESIDE:
            beside = as_text(state.get("filename")) or "another file"
            if not _OWN.fullmatch(beside):
                self._session.oddity(where.form, "joblib.beside", f"{beside[:256]!a}", where.record, where.offset)
            return missing(f"its data is in {beside[:128]!a} beside this file, as joblib before 0.10 wrote it", _NONE)
        self._record.where = where
        return self._array(state, where)

    def _array(self, state: dict[object, object], where: Where) -> object:
        dtype, shape = state.get("dtype"), _shape(state.get("shape"))
        if not isinstance(dtype, NumpyDtype) or shape is None:
            raise UnreadableError("an array's wrapper without dtype or shape")
        stream = self._stream
        if stream.framed:
            self._session.oddity(where.form, "joblib.frame", "an array inside of a frame", where.record, where.offset)
            self._session.incomplete("an array inside of a frame: joblib would look for its bytes elsewhere")
        if dtype.holds_objects:
            return self._objects(where)
        if state.get(_ALIGNMENT) is not None:
            self._align(stream.take(stream.byte()), where)
        data = Bytes(stream.leave(prod(shape) * dtype.size))
        array = NumpyArray(self._subclass(state.get("subclass"), where))
        try:
            array.fill(shape, dtype, as_text(state.get("order")) == "F", data, self._record)
        except ArgumentsError as error:
            raise UnreadableError(f"an array: {error}") from None
        return array

    def _align(self, padding: bytes, where: Where) -> None:
        """joblib fills it with ones."""
        if not padding.strip(b"\0\xff"):
            return
        self._session.oddity(where.form, "joblib.filled", f"{len(padding)} bytes", where.record, where.offset)
        held = Memory(memoryview(padding), self._origin)
        leftover.look(held, leftover.PADDING, self._session, where.form, where.record, where.offset)

    def _objects(self, where: Where) -> object:
        """An array of objects is a pickle of its own at this place."""
        session = self._session
        known = KnownConstructors(session, self._origin, unresolved(session), self._nested)
        start = self._stream.tell()
        try:
            return Unpickler(self._stream, session, known, where.form, where.record, encodings=("ascii",)).load()
        finally:
            self.of_objects.append((start, self._stream.tell()))

    def _subclass(self, kind: object, where: Where) -> str:
        if not isinstance(kind, Global):
            return "numpy.ndarray"
        if kind.canonical != "numpy.ndarray":
            self._session.used(where, kind, "subtype", False, None)
        return kind.name


_NONE = NumpyDtype("").dtype


def _shape(value: object) -> tuple[int, ...] | None:
    """Sizes may be numpy's own numbers."""
    if not isinstance(value, tuple) or len(value) > 64:
        return None
    plain = as_shape(tuple(number(size) if isinstance(size, NumpyScalar) else size for size in value))
    if plain is None or min(plain, default=0) < 0:
        return None
    if prod(plain) > HUGE:
        raise BoundError("an array that is longer than any file")
    return plain
