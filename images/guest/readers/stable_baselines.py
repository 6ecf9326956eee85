"""Stable-Baselines3's archives: a JSON of settings with pickles in it, and torch's files beside.

Its own loader unpickles each pickle of `data` before it opens the weights, so they are read as strictly.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from guest.naming import Members
from guest.readers import members, pickle_file, zips
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Memory, Source
from guest.readers.torch_zip import FAMILY, Directory

NAME = "stable-baselines3"
DATA = "data"
_PICKLED = ":serialized:"


def found(directory: Directory) -> Found:
    """The row of such an archive."""

    def read(_: Source, session: Session, nested: NestedLoad) -> object:
        directory.told(session, NAME)
        held = Members()
        rest = []
        for name, source in zips.files(directory, session, NAME):
            if name == DATA:
                session.count_member()
                held[DATA] = _settings(source, session, nested)
            else:
                rest.append((name, source))
        held.update(members.read(rest, NAME, session, nested))
        return held

    return Found(NAME, FAMILY, read)


def settings(text: bytes) -> dict[str, Any]:
    """What `data` says: bytes for what is pickled there. Raises UnreadableError."""
    try:
        said = json.loads(text)
        if not isinstance(said, dict):
            raise UnreadableError("data: a JSON that is no object")
        return {key: _unpacked(value) for key, value in said.items()}
    except (ValueError, RecursionError, TypeError) as error:
        raise UnreadableError(f"data: {type(error).__name__}") from None


def _unpacked(value: Any) -> Any:
    """As Stable-Baselines3 does it, of values on the first level alone."""
    return base64.b64decode(value[_PICKLED].encode()) if _is_pickled(value) else value


def _is_pickled(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(_PICKLED), str)


def _settings(source: Source, session: Session, nested: NestedLoad) -> object:
    session.spend_bytes(source.length)
    try:
        said = settings(source.at(0, source.length))
    except UnreadableError as error:
        session.incomplete(str(error))
        return Unresolved(DATA)
    with session.within(DATA):
        return {key: _value(key, value, source, session, nested) for key, value in said.items()}


def _value(key: str, value: Any, source: Source, session: Session, nested: NestedLoad) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return pickle_file.read_first(Memory(memoryview(value), source.origin), session, nested, key)
    except UnreadableError as error:
        session.incomplete(f"{DATA}: {error}")
        return Unresolved(key)
