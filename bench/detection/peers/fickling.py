"""fickling: pickles as programs. Its command reads streams of pickles; zip archives are for its `scan_zip_archive`."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

from bench.detection.peers.interface import Peer

_CLEAN, _UNSAFE, _ERROR = 0, 1, 2


class Fickling(Peer):
    """Of a folder each file is asked about that has the extension of a pickle, as in its own scan of repositories."""

    name = package = "fickling"
    command = ("fickling", "--check-safety", "-p")

    def prepare(self) -> None:
        self._module("cli")
        self._module("loader")

    def ask(self, path: str) -> int:
        where = Path(path)
        if not where.is_dir():
            return self._file(where)
        pickles = self._module("cli").HF_PICKLE_EXTENSIONS
        found = [self._file(file) for file in sorted(where.rglob("*")) if file.suffix.lower() in pickles]
        return _UNSAFE if _UNSAFE in found else max(found, default=_ERROR)

    def _file(self, path: Path) -> int:
        if zipfile.is_zipfile(path):
            return _of_members(self._module("loader").scan_zip_archive(str(path), graceful=True))
        return int(self._module("cli").main([*self.command, str(path)]))

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"fickling.{name}")


def _of_members(members: dict[str, Any]) -> int:
    """A pickle that it judged unsafe counts; one that it could not parse is an error, as with its command."""
    if any(not each.is_safe for member in members.values() for each in map(_Judged, member.results)):
        return _UNSAFE
    errors = [error for member in members.values() for error in member.errors]
    print(errors[0] if errors else "" if members else "no pickle in the archive")
    return _CLEAN if members and not errors else _ERROR


class _Judged:
    """One analysis, with the word that fickling's own result has for it."""

    def __init__(self, analysis: Any) -> None:
        limit = importlib.import_module("fickling.analysis").Severity.LIKELY_SAFE
        self.is_safe = analysis.severity <= limit
