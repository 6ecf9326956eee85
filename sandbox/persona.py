"""Whose machine a jail looks like: tables of configs/ already read -> a frozen Persona. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import messages

_KEYS = {"hostname", "cpus", "variables", "decoys", "home"}


@dataclass(frozen=True)
class Decoy:
    """A planted secret: a file of the home when `path` is set, else a variable.

    Its text, or each of the SQL `statements` that make it a database, is a template; see `sandbox.planted`.
    """

    what: str
    text: str = ""
    path: str = ""
    name: str = ""
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """Plain files of a home, of one kind. `path` is below the home; `text`, a character for each byte, begins them."""

    path: str
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Persona:
    """`hostname` and the values of `variables` are templates, as decoys' texts are."""

    name: str
    hostname: str
    cpus: int  # the most that the jail may use
    variables: Mapping[str, str]  # without secrets
    decoys: tuple[Decoy, ...]
    home: tuple[Folder, ...]


def parse_persona(
    name: str, personas: Mapping[str, Any], decoys: Mapping[str, Any], home: Mapping[str, Any] | None
) -> Persona:
    """The persona of that name, from the tables of personas.toml, decoys.toml and home.toml (None: an empty home).

    Raises CallerError for a name that isn't there, and for a persona whose table is not sound.
    """
    if name not in personas:
        raise messages.error("persona.unknown", name=name, known=", ".join(sorted(personas)))
    table = personas[name]
    rows = {row["what"]: _decoy(row) for row in (*decoys["files"], *decoys["variables"])}
    if table.keys() != _KEYS:
        raise messages.error("persona.table", name=name, why=f"it needs exactly {', '.join(sorted(_KEYS))}")
    unknown = [word for word in table["decoys"] if word not in rows]
    unknown += [word for word in table["home"] if home is not None and word not in home]
    if unknown:
        raise messages.error("persona.table", name=name, why=f"there is no {', '.join(unknown)}")
    return Persona(
        name=name,
        hostname=table["hostname"],
        cpus=table["cpus"],
        variables=dict(table["variables"]),
        decoys=tuple(rows[what] for what in table["decoys"]),
        home=tuple(_folder(row) for word in table["home"] for row in home[word]) if home is not None else (),
    )


def _decoy(row: Mapping[str, Any]) -> Decoy:
    return Decoy(**{**row, "statements": tuple(row.get("statements", ()))})


def _folder(row: Mapping[str, Any]) -> Folder:
    """`numbered` holds [form, first, how many] for names that a camera or a program gives."""
    counted = [form.format(at) for form, first, count in row.get("numbered", ()) for at in range(first, first + count)]
    return Folder(row["path"], (*row.get("names", ()), *counted), row["text"])
