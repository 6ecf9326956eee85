"""numpy's own file of one array (.npy), and archives of such files (.npz).

Which of two records of one name counts in an archive is zipfile's choice, as numpy uses it: the last one.
"""

from __future__ import annotations

import ast
import re
import struct
from dataclasses import replace
from math import prod

from guest.readers import leftover, padding, zip_directory
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import ArgumentsError, UnreadableError
from guest.readers.inert import Bytes, as_shape
from guest.readers.interface import Found
from guest.readers.known import NestedLoad, Record
from guest.readers.numpy_dtypes import MAX_FIELDS, Field, NumpyDtype, repeated, spelled
from guest.readers.numpy_objects import NumpyArray
from guest.readers.pickle_file import read_on, unresolved
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream
from guest.readers.tensors import HUGE
from guest.readers.torch_zip import Directory

NAME, ARCHIVE = "npy", "npz"
MAGIC = b"\x93NUMPY"
SUFFIX = ".npy"
MAX_ARRAYS = 1000
_LENGTHS = {1: ("<H", "latin-1"), 2: ("<I", "latin-1"), 3: ("<I", "utf-8")}  # of the header, by version
_HEADER_MOST = 1 << 16
_KEYS = {"descr", "fortran_order", "shape"}
_DEPTH = 16
_PYTHON_2_LONG = re.compile(r"(?<=\d)L(?=[,)\s])")


def recognise(head: bytes) -> Found | None:
    """By the magic at the front."""
    return Found(NAME, NAME, read) if head.startswith(MAGIC) else None


def found_archive(directory: Directory) -> Found:
    """The row of an archive whose records are all arrays."""
    return Found(ARCHIVE, "zip", lambda _, session, nested: _read_archive(directory, session, nested))


def found_among(directory: Directory) -> Found:
    """The row of what else numpy finds in an archive: records that are arrays, whatever they are called."""

    def read_some(_: Source, session: Session, nested: NestedLoad) -> object:
        arrays = [entry for entry in directory.entries if _is_array(directory.source, entry)]
        return _read_archive(replace(directory, entries=arrays), session, nested)

    return Found(ARCHIVE, ARCHIVE, read_some)


def _is_array(source: Source, entry: zip_directory.Entry) -> bool:
    """One that is compressed is taken for one: its content says whether it is, when it is read."""
    if entry.method != zip_directory.STORED:
        return True
    return source.at(entry.start, min(entry.compressed, len(MAGIC))) == MAGIC


def read(source: Source, session: Session, nested: NestedLoad) -> object:
    """The array of a file, or the list of them where numpy.save was called several times. Raises UnreadableError."""
    array, at = _array(source, NAME, "", session, nested)
    arrays = [array]
    while _follows(source, at):
        if len(arrays) >= MAX_ARRAYS:
            session.incomplete(f"more than {MAX_ARRAYS} arrays in a row")
            break
        try:
            array, length = _array(source.part(at, source.length - at), NAME, "", session, nested)
        except UnreadableError as error:
            session.incomplete(f"an array behind the first: {error}")
            break
        arrays.append(array)
        at += length
    _check_end(source, at, NAME, "", session, nested)
    return arrays if len(arrays) > 1 else array


def _follows(source: Source, at: int) -> bool:
    """Whether another array begins here."""
    return source.length - at > len(MAGIC) and source.at(at, len(MAGIC)) == MAGIC


def _read_archive(directory: Directory, session: Session, nested: NestedLoad) -> object:
    directory.told(session, ARCHIVE)
    arrays: dict[str, object] = {}
    for entry in directory.entries:
        try:
            content = zip_directory.content(directory.source, entry, session, ARCHIVE)
            if not content.placed:
                _check(entry, content, session)
            arrays[entry.name.removesuffix(SUFFIX)] = _read(content, ARCHIVE, entry.name, session, nested)
        except UnreadableError as error:
            session.incomplete(f"{entry.name[:256]}: {error}")
    return arrays


def _check(entry: zip_directory.Entry, content: Source, session: Session) -> None:
    if not zip_directory.checked(entry, content.at(0, content.length)):
        session.oddity(ARCHIVE, "zip.crc", "its checksum is wrong; numpy refuses it", entry.name)


def _read(source: Source, form: str, record: str, session: Session, nested: NestedLoad) -> object:
    """The one array of a record."""
    array, end = _array(source, form, record, session, nested)
    _check_end(source, end, form, record, session, nested)
    return array


def _check_end(source: Source, end: int, form: str, record: str, session: Session, nested: NestedLoad) -> None:
    if end < source.length and not padding.note(source, end, form, session, record):
        session.oddity(form, "npy.trailing", f"{source.length - end} bytes behind the array", record, end)
        session.incomplete("bytes behind the array")
        read_on(source, end, form, session, nested, record)


def _array(source: Source, form: str, record: str, session: Session, nested: NestedLoad) -> tuple[object, int]:
    """The array at the front, and where it ends. Raises UnreadableError."""
    dtype, fortran, shape, start = _header(source)
    leftover.look(source.part(0, start), leftover.HEADER, session, form, record)
    if dtype.holds_objects:
        return _objects(source, start, form, record, session, nested)
    length = prod(shape) * dtype.size
    if prod(shape) > HUGE or start + length > source.length:
        raise UnreadableError("an array that is longer than its file")
    array = NumpyArray("numpy.ndarray")
    known = KnownConstructors(session, source.origin, unresolved(session), nested)
    place = Record(session, Where(form, record), source.origin, unresolved(session), nested, known.call)
    try:
        array.fill(shape, dtype, fortran, Bytes(source.part(start, length)), place)
    except ArgumentsError as error:
        raise UnreadableError(f"the array: {error}") from None
    return array, start + length


def _objects(
    source: Source, start: int, form: str, record: str, session: Session, nested: NestedLoad
) -> tuple[object, int]:
    """An array of objects is a pickle of the whole array."""
    stream = Stream(source, session, start)
    known = KnownConstructors(session, source.origin, unresolved(session), nested)
    root = Unpickler(stream, session, known, form, record, encodings=("ascii",)).load()
    return root, stream.tell()


def _header(source: Source) -> tuple[NumpyDtype, bool, tuple[int, ...], int]:
    """dtype, Fortran order, shape, and where the elements begin. Raises UnreadableError."""
    if not source.at(0, min(source.length, len(MAGIC))).startswith(MAGIC):
        raise UnreadableError("an array without its magic")
    major = source.at(6, 2)[0]
    if major not in _LENGTHS:
        raise UnreadableError(f"version {major} of numpy's file format")
    layout, encoding = _LENGTHS[major]
    width = struct.calcsize(layout)
    (length,) = struct.unpack(layout, source.at(8, width))
    if length > _HEADER_MOST:
        raise UnreadableError(f"a header of {length} bytes")
    header = _literal(source.at(8 + width, length), encoding)
    if not isinstance(header, dict) or header.keys() != _KEYS:
        raise UnreadableError("a header that is none")
    shape = as_shape(header["shape"])
    if shape is None or min(shape, default=0) < 0 or not isinstance(header["fortran_order"], bool):
        raise UnreadableError("a header without shape or order")
    try:
        return _described(header["descr"], 0), header["fortran_order"], shape, 8 + width + length
    except ArgumentsError as error:
        raise UnreadableError(f"the header: {error}") from None


def _literal(raw: bytes, encoding: str) -> object:
    """Python's literals only, of a text that is too short to explode."""
    try:
        text = raw.decode(encoding).strip()
        try:
            return ast.literal_eval(text)
        except SyntaxError:
            return ast.literal_eval(_PYTHON_2_LONG.sub("", text))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise UnreadableError("a header that is no literal") from None


def _described(descr: object, depth: int) -> NumpyDtype:
    """As numpy.lib.format.descr_to_dtype. Raises ArgumentsError."""
    if depth > _DEPTH:
        raise ArgumentsError("a dtype of too many parts")
    if isinstance(descr, str):
        return spelled(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        return repeated(_described(descr[0], depth + 1), descr[1])
    if not isinstance(descr, list) or len(descr) > MAX_FIELDS:
        raise ArgumentsError("a dtype of no form")
    columns: list[Field] = []
    offset = 0
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise ArgumentsError("a field of no form")
        dtype = _described(field[1], depth + 1)
        dtype = repeated(dtype, field[2]) if len(field) > 2 else dtype
        name = field[0][1] if isinstance(field[0], tuple) and len(field[0]) == 2 else field[0]
        if not isinstance(name, str):
            raise ArgumentsError("a field without its name")
        if name or dtype.kind != "V" or dtype.fields:  # otherwise it is padding
            columns.append(Field(name or f"f{len(columns)}", dtype, offset))
        offset += dtype.size
    found = NumpyDtype(f"V{offset}", "|", offset)
    found.take(tuple(columns))
    return found
