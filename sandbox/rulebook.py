"""The judge's tables, read once: those that come with the program, and a user's own files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import messages
from sandbox.bundle import Bundle
from sandbox.facts import RuleFile
from sandbox.judge import Rules, parse_rules, with_own
from sandbox.policy import parse_table, read_bytes, united

OURS = "those of sandbox-load"


@dataclass(frozen=True)
class Book:
    """The rules, and what a report says of the files that they are from."""

    rules: Rules
    files: tuple[RuleFile, ...]


@dataclass
class _Shipped:
    """Reads tables, and keeps one digest of all."""

    digest: Any = field(default_factory=hashlib.sha256)

    def table(self, path: Path) -> dict[str, Any]:
        content = read_bytes(path)
        self.digest.update(hashlib.sha256(content).digest())
        return parse_table(path, content)

    def folder(self, path: Path) -> dict[str, dict[str, Any]]:
        """Its files' tables, by the names of the files."""
        return {file.stem: self.table(file) for file in sorted(path.glob("*.toml"))}


def read(bundle: Bundle, own: Sequence[Path] = ()) -> Book:
    """All rules that an evaluation is judged by. Raises CallerError."""
    shipped = _Shipped()
    tables = shipped.folder(bundle.configs / "rules")
    formats = shipped.table(bundle.configs / "formats.toml")["formats"]
    techniques = shipped.table(bundle.configs / "techniques.toml")
    rules = parse_rules(tables, united(shipped.folder(bundle.configs / "globals")), formats, techniques)
    files = [RuleFile(OURS, shipped.digest.hexdigest())]
    for path in own:
        content = _of_a_user(path)
        rules = with_own(rules, path.name, parse_table(path, content))
        files.append(RuleFile(str(path), hashlib.sha256(content).hexdigest()))
    return Book(rules, tuple(files))


def _of_a_user(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise messages.error("rules.own.unread", file=path, why=error.strerror) from None
