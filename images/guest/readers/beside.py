"""Files beside the weights that something runs: Python, compiled code, programs, and what pip is told to fetch.

They are gathered as they are met, and looked into together when all was read: files import each other, configurations
name their classes, and pickles, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from guest.readers import module_level, python_entries, requirements, running
from guest.readers.errors import UnreadableError
from guest.readers.python_acts import Moment
from guest.readers.python_entries import Entry
from guest.readers.python_files import Package
from guest.readers.python_walk import Act, Walk
from guest.readers.session import Session
from guest.readers.source import Source

CODE, ACTS, NAMED, PROGRAM = "folder.code", "folder.code.acts", "folder.code.named", "folder.program"
_PYTHON = (".py", ".pyw")
_PATHS = ".pth"  # a line of it that begins with import is run by every start of Python
_COMPILED = (".pyc", ".pyo")
_MOST = 2 << 20  # bytes of one file of Python
_MOST_FILES = 2_000
_MOST_JSON = 64 << 20  # of a configuration; vocabularies of honest tokenizers have half of that
_PIECE = 4 << 20
_MOST_ENTRIES = 4_000
_TOLD = 8  # acts of one file
_HEAD = 1 << 12
_UNASKED = ("sitecustomize.py", "usercustomize.py")
_IMPORT_LINE = re.compile(rb"^import[ \t][^\n]{1,400}", re.MULTILINE)
_BY_NUMBER = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
_DOTTED = re.compile(rb'(?:^|["/-])([A-Za-z_][\w.]{0,200})\.([A-Za-z_]\w{0,100})"')
_PAIR = re.compile(rb'\[\s{0,80}"(\w{1,100})",\s{0,80}"(\w{1,100})"\s{0,80}\]')
_PAIRS_IN = "index.json"  # diffusers' model_index.json
# Ends of the names of files that a computer runs as they are, or by a program that is told to.
_ENDS = """.so .dll .dylib .pyd .exe .com .msi .scr .bat .cmd .ps1 .psm1 .vbs .sh .bash .zsh .jar .wasm .whl .egg
.command .desktop .lnk .app .deb .rpm .apk .ipynb"""
_PROGRAMS = tuple(_ENDS.split())
_LIBRARY = re.compile(r"\.so(?:\.\d+)*$")
_MAKEFILES = ("makefile", "gnumakefile", "justfile")
_WHEN = {
    Moment.IMPORTED: "",
    Moment.MADE: ", as it is loaded by what names it",
    Moment.USED: ", when it is used",
}


def is_python(name: str) -> bool:
    """Whether a file of that name is looked into as Python, or read by every start of it."""
    return name.lower().endswith((*_PYTHON, _PATHS))


class Beside:
    """Those of one folder or archive."""

    def __init__(self, form: str, session: Session) -> None:
        self._form = form
        self._session = session
        self._files: dict[str, int] = {}
        self._trees: list[tuple[str, ast.Module]] = []
        self._configurations: list[tuple[str, Source]] = []

    def add(self, name: str, source: Source) -> None:
        """A file by its path."""
        path = PurePosixPath(name)
        end = path.suffix.lower()
        look = next((look for ends, look in _LOOKS if end in ends), None)
        if look is None and requirements.concerns(path.name):
            look = Beside._requirements
        try:
            if look is not None:
                look(self, name, source)
            elif source.length:
                self._program(name, source)
        except UnreadableError as error:
            self._session.incomplete(str(error))

    def end(self) -> None:
        """What the files do together."""
        if not self._trees:
            return
        try:
            package = Package(self._trees)
            walk = Walk(package)
            acts = [act for path in package.modules for act in walk.imported(path)]
            for path, name, moment in self._entries(package):
                acts += walk.called(path, name, moment)
        except RecursionError:
            self._session.incomplete("Python code that is nested too deep to be looked into")
            return
        except UnreadableError as error:
            self._session.incomplete(str(error))
            return
        if not walk.is_done:
            self._session.incomplete("more Python beside the weights than is looked into")
        told: dict[str, int] = {}
        for act in dict.fromkeys(acts):
            told[act.path] = told.get(act.path, 0) + 1
            if told[act.path] <= _TOLD:
                self._act(act)

    def _entries(self, package: Package) -> Iterator[Entry]:
        yield from self._unpickled(package)
        left = _MOST_ENTRIES
        of_servers = (entry for module in package.modules.values() for entry in python_entries.served(module))
        for entries in (python_entries.named(package, dict.fromkeys(self._mentioned(package))), of_servers):
            for entry in entries:
                if left <= 0:
                    self._session.incomplete("more Python beside the weights than is looked into")
                    return
                left -= 1
                yield entry

    def _unpickled(self, package: Package) -> Iterator[Entry]:
        """What the pickles name that were read so far."""
        used = dict.fromkeys(key[2] for key in self._session.uses)
        told: set[str] = set()
        for entry in python_entries.unpickled(package, used):
            if entry[0] not in told:
                told.add(entry[0])
                self._note(NAMED, f"{entry[1][:128]} of {entry[0][-128:]}", entry[0])
            yield entry

    def _act(self, act: Act) -> None:
        self._note(ACTS, f"{act.what[:256]} in line {act.line} of {act.path[-256:]}{_WHEN[act.moment]}", act.path)

    def _note(self, ident: str, detail: str, name: str) -> None:
        before, self._session.file = self._session.file, self._files.get(name, self._session.file)
        self._session.oddity(self._form, ident, detail, name)
        self._session.file = before

    def _python(self, name: str, source: Source) -> None:
        path = PurePosixPath(name)
        self._files[name] = self._session.file
        self._note(CODE, "a Python file", name)
        if source.length > _MOST or len(self._trees) >= _MOST_FILES:
            self._session.incomplete(f"{name[:256]}: Python code of {source.length} bytes, which was not looked into")
            return
        self._session.spend_bytes(source.length)
        content = source.at(0, source.length)
        if path.name.lower() in _UNASKED and content.strip():
            self._note(ACTS, f"{path.name} is run by every start of Python that finds it", name)
        found = module_level.tree(content)
        if not isinstance(found, list):
            self._trees.append((name, found))
            return
        for line, what in found:
            self._act(Act(name, line, what, Moment.IMPORTED))

    def _search_paths(self, name: str, source: Source) -> None:
        """Lists of folders, which Python reads when it starts; models have the same ending."""
        if not 0 < source.length <= _MOST:
            return
        first = source.at(0, min(source.length, 64))
        if not all(byte in b"\t\n\r" or byte >= 32 for byte in first):
            return
        line = _IMPORT_LINE.search(source.at(0, source.length))
        if line:
            self._note(ACTS, f"a list of folders with the line {line[0][:200].decode('utf-8', 'replace')!a}", name)

    def _json(self, name: str, source: Source) -> None:
        """Which classes of which modules it names is asked once it is known which there are."""
        self._configurations.append((name, source))

    def _mentioned(self, package: Package) -> Iterator[tuple[str, str]]:
        """Modules that lie here with what configurations mention of them: whatever looks so."""
        lies_here = lru_cache(maxsize=1 << 16)(lambda module: bool(package.named(module)))
        for name, source in self._configurations:
            if source.length > _MOST_JSON:
                self._session.incomplete(f"{name[:256]}: too long to be looked into for the code that it names")
            for at in range(0, min(source.length, _MOST_JSON), _PIECE):
                content = source.at(at, min(_PIECE + _HEAD, source.length - at))
                if b"\\u00" in content:
                    content = _BY_NUMBER.sub(lambda met: bytes([int(met[1], 16)]), content)
                for pattern in (_DOTTED, _PAIR) if name.endswith(_PAIRS_IN) else (_DOTTED,):
                    found = (
                        (one[1].decode("ascii", "replace"), one[2].decode("ascii", "replace"))
                        for one in pattern.finditer(content)
                    )
                    yield from (pair for pair in found if lies_here(pair[0]))

    def _requirements(self, name: str, source: Source) -> None:
        if 0 < source.length <= _MOST:
            for line in requirements.foreign(source.at(0, source.length).decode("utf-8", "replace")):
                self._note("folder.requirements", f"{line[:200]!a} in {name[-200:]}", name)

    def _program(self, name: str, source: Source) -> None:
        """By its content, or by what its name promises."""
        path = PurePosixPath(name)
        head = source.at(0, min(source.length, _HEAD))
        kind, seen = running.kind_of(head) if head.startswith(running.BEGINNINGS) else ("", "")
        if head.startswith(b"#!"):
            kind, seen = "script", "a script"
        by_name = path.suffix.lower() in _PROGRAMS or path.name.lower() in _MAKEFILES or _LIBRARY.search(path.name)
        if kind in ("program", "script") or by_name:
            self._note(PROGRAM, f"{path.name[-200:]}, {seen}" if seen else path.name[-200:], name)

    def _compiled(self, name: str, _: Source) -> None:
        """Byte-code: nothing of it is read here. In a __pycache__ Python takes it for a source beside that alone."""
        path = PurePosixPath(name)
        self._files[name] = self._session.file
        self._note(PROGRAM, f"{path.name[-200:]}, compiled Python, which was not read", name)
        if path.parent.name != "__pycache__":
            self._note(ACTS, f"{path.name[-200:]} is imported without any source to read", name)


_Look = Callable[[Beside, str, Source], None]
_LOOKS: tuple[tuple[Iterable[str], _Look], ...] = (
    (_PYTHON, Beside._python),
    ((_PATHS,), Beside._search_paths),
    ((".json",), Beside._json),
    (_COMPILED, Beside._compiled),
)
