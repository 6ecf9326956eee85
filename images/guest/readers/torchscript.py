"""TorchScript archives: a module's attributes in data.pkl, what its code mentions in constants.pkl, the code beside.

Its loader is C++, which knows its own classes and a few constructors, and imports nothing of Python.
"""

from __future__ import annotations

from functools import partial

from guest.readers import script_code, zip_directory
from guest.readers.errors import UnreadableError
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.script_objects import Script
from guest.readers.session import Session
from guest.readers.torch_zip import FAMILY, Directory, TorchZip, look_beside, read_others, unpickle

NAME = "torchscript"
CONSTANTS = "CONSTANTS"  # as the code calls them: CONSTANTS.c0
_MOST_CODE = 10_000  # files of it that are listed
_SHORT = 64


def found(directory: Directory) -> Found:
    """The row of such an archive."""
    return Found(NAME, FAMILY, lambda _, session, nested: read(directory, session, nested))


def read(directory: Directory, session: Session, nested: NestedLoad) -> Script:
    """The module and its constants. Raises UnreadableError."""
    directory.told(session, NAME)
    archive = TorchZip(directory.source, directory.entries, session)
    _look_into_code(directory, session)
    main, constants = archive.find("data.pkl"), archive.find("constants.pkl")
    if main is None or constants is None:
        read_others(archive, (), session, nested, NAME)
        raise UnreadableError("a TorchScript archive of torch before 1.4: torch.jit.load and save it again")
    module = unpickle(archive, main, session, archive.storage, nested, NAME)
    held = unpickle(archive, constants, session, partial(archive.storage, folder="constants"), nested, NAME)
    if not isinstance(held, tuple):
        raise UnreadableError("constants.pkl holds no tuple")
    read_others(archive, (main, constants), session, nested, NAME)
    look_beside(archive, session, NAME)
    named = {f"c{at}": constant for at, constant in enumerate(held)}
    return Script(module, named, _version(archive), _code(archive))


def _version(archive: TorchZip) -> str:
    entry = archive.find("version")
    if entry is None or entry.size > _SHORT:
        return ""
    return archive.content(entry).at(0, entry.size).decode("ascii", "replace").strip()


def _code(archive: TorchZip) -> list[str]:
    root = f"{archive.root}/"
    names = [entry.name.removeprefix(root) for entry in archive.entries]
    return [name for name in names if name.startswith("code/") and name.endswith(".py")][:_MOST_CODE]


def _look_into_code(directory: Directory, session: Session) -> None:
    """What its files of code do, found as torch finds them: in any letters, in any folder."""
    for entry in directory.entries:
        name = zip_directory.fold(entry.name)
        if "code/" in name and name.endswith(".py"):
            try:
                content = zip_directory.content(directory.source, entry, session, NAME)
                script_code.look(content, entry.name, NAME, session)
            except UnreadableError as error:
                session.incomplete(str(error))
