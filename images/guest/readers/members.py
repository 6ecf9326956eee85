"""What the readers of archives and folders share: members in, what they hold out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from guest.naming import Members
from guest.readers.beside import Beside
from guest.readers.known import NestedLoad
from guest.readers.parts import File
from guest.readers.session import Session
from guest.readers.source import Source


def read(members: Iterable[tuple[str, Source]], form: str, session: Session, nested: NestedLoad) -> Members:
    """Every member by its path, in their order. Raises UnreadableError when `members` does, or for too many."""
    found, beside = Members(), Beside(form, session)
    for name, source in members:
        session.count_member()
        check_path(name, form, session)
        beside.add(name, source)
        if name in found:
            session.oddity(form, "archive.duplicate", "two members have this name", name)
            session.incomplete("two members of the archive have one name")
        found[name] = nested.member(source, name)
    beside.end()
    return found


def check_path(name: str, form: str, session: Session) -> None:
    """Nothing is written under a member's name here; whoever unpacks the archive would be led elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        session.oddity(form, "archive.path", "its path leads out of the folder that it is unpacked to", name)


def without_model(root: object) -> bool:
    """Whether there is nothing in it but files that are no models, or none that is supported."""
    if isinstance(root, Members):
        return all(without_model(member) for member in root.values())
    return isinstance(root, File)
