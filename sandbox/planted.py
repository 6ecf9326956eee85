"""The decoys of one run, made from a persona's templates: what the guest plants, and what the judge looks for.

In a template `{token:ALPHABET LENGTH}` is the decoy's own secret, the same wherever it stands; `{random:...}` is random
text that nobody looks for (`70x5`: five lines of 70); `{host}` is the jail's name.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable
from contextlib import closing

from sandbox.persona import Decoy, Persona

_BASE62 = string.ascii_letters + string.digits
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digits": string.digits,
    "letters": string.ascii_letters,
    "base32": string.ascii_uppercase + "234567",
    "base36": string.ascii_lowercase + string.digits,
    "base62": _BASE62,
    "base64": _BASE62 + "+/",
    "base64url": _BASE62 + "-_",
}
BELONGINGS = "file from the home"  # the decoy that every plain file of the home holds


class _Random:
    """New text each time it is formatted."""

    def __format__(self, form: str) -> str:
        alphabet, _, size = form.partition(" ")
        length, _, lines = size.partition("x")
        return "\n".join(_draw(_ALPHABETS[alphabet], int(length)) for _ in range(int(lines or 1)))


class _Token(_Random):
    """The same text each time, drawn in the form that is asked for first."""

    value = ""

    def __format__(self, form: str) -> str:
        self.value = self.value or super().__format__(form)
        return self.value


class Secrets:
    """One run's. `values`: what a decoy is -> its unique text; `files`: (what, path, content) rows.

    `home`: (folder, names, content) rows. Contents are texts of one character for each byte, as the order carries them.
    """

    def __init__(self, persona: Persona) -> None:
        self.values: dict[str, str] = {}
        self.hostname = persona.hostname.format(random=_Random())
        self.variables = {name: self._fill(text, _Token()) for name, text in persona.variables.items()}
        self.files: list[tuple[str, str, str]] = []
        for decoy in persona.decoys:
            self._make(decoy)
        line = _Token()
        self.home = [(row.path, list(row.names), f"{row.text}\nref {line:base36 24}\n") for row in persona.home]
        if self.home:
            self.values[BELONGINGS] = line.value

    def places(self, home: str) -> dict[str, str]:
        """Path in the jail -> the decoy that stands in that file."""
        folders = ((f"{home}/{folder}".rstrip("/"), names) for folder, names, _ in self.home)
        plain = {f"{folder}/{name}": BELONGINGS for folder, names in folders for name in names}
        return plain | {f"{home}/{path}": what for what, path, _ in self.files}

    def _make(self, decoy: Decoy) -> None:
        token = _Token()
        if decoy.name:
            self.variables[decoy.name] = self._fill(decoy.text, token)
        elif decoy.statements:
            database = _database(self._fill(text, token) for text in decoy.statements)
            self.files.append((decoy.what, decoy.path, database.decode("latin-1")))
        else:
            self.files.append((decoy.what, decoy.path, _carried(self._fill(decoy.text, token))))
        if token.value:
            self.values[decoy.what] = token.value

    def _fill(self, template: str, token: _Token) -> str:
        return template.format(token=token, random=_Random(), host=self.hostname)


def _draw(alphabet: str, length: int) -> str:
    """Random text; that some letters are a little likelier than others takes nothing from a decoy."""
    return "".join(alphabet[byte % len(alphabet)] for byte in secrets.token_bytes(length))


def _carried(text: str) -> str:
    """A text's UTF-8 bytes as the order carries them."""
    return text.encode("utf-8").decode("latin-1")


def _database(statements: Iterable[str]) -> bytes:
    """A small SQLite file, as browsers keep them."""
    import sqlite3  # noqa: PLC0415 - ten milliseconds that a persona without browsers needn't spend

    with closing(sqlite3.connect(":memory:")) as made:
        made.execute("PRAGMA page_size = 512")
        for statement in statements:
            made.execute(statement)
        made.commit()
        return made.serialize()
