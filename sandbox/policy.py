"""configs/*.toml -> a frozen Policy. The only room that reads configuration."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from sandbox import messages
from sandbox.persona import Persona, parse_persona

PERSONA = "laptop"  # whose machine a jail looks like when nobody says
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_UNITS |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SHORT = {"K": "KiB", "M": "MiB", "G": "GiB", "T": "TiB"}

# What the policy `detonate` lets a load do, inside its jail: run programs, write to its tmpfs, talk to the sinkhole.
FREEDOMS = ("programs", "writes", "sinkhole")

# A program's name becomes part of paths, in the jail and in its image.
_PROGRAM = re.compile(r"\[|[A-Za-z0-9][A-Za-z0-9._-]*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_SHIFT = re.compile(r"([+-]\d{1,10}(?:\.\d{1,6})?)([smhdwy])", re.ASCII)
_MOST_SHIFT = 60 * _SECONDS["y"]  # either way; what images/guest/load/clock.py can do

Table = TypeVar("Table")


@dataclass(frozen=True)
class LimitPolicy:
    """Bytes, seconds, counts; `*_per_byte` for each byte of input."""

    memory_base: int
    memory_per_byte: float
    memory_share_of_ram: float
    address_space_base: int
    processes: int
    tmp: int
    file_size: int
    open_files: int
    wall_base: float
    wall_per_byte: float
    linger: float
    cpus: float


@dataclass(frozen=True)
class ReadPolicy:
    """Bounds of the inert readers."""

    nodes: int
    depth: int
    pickle_bytes: int
    tensors: int
    metadata_bytes: int
    inflated_bytes: int
    inflated_base: int
    inflated_per_byte: int
    members: int
    archives: int
    memory: int


@dataclass(frozen=True)
class FolderPolicy:
    """Bounds of a folder that is the input."""

    entries: int
    depth: int
    files: int  # that a jail is given
    bytes: int
    letters: int  # of their names


@dataclass(frozen=True)
class WritePolicy:
    """Bounds of what is written, before the first byte."""

    total_per_byte: float
    total_base: int
    header_bytes: int


@dataclass(frozen=True)
class WatchPolicy:
    """What the record keeps."""

    raw_events: int
    sleep_ms: int
    output_bytes: int
    frames: int
    sample_ms: int
    cpu_base: float
    cpu_per_byte: float


@dataclass(frozen=True)
class Watched:
    """One kind of event: the calls that are it, and what they are answered."""

    kind: str
    calls: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Syscalls:
    """The lists of configs/syscalls.toml."""

    load: tuple[str, ...]
    reader: tuple[str, ...]
    supervisor: tuple[str, ...]
    absent: tuple[str, ...]
    watch: tuple[Watched, ...]
    followed: tuple[str, ...]  # watched, too, where programs may run: how they end
    free: dict[str, tuple[str, ...]]  # freedom -> the calls that go on for it

    @property
    def wall_one(self) -> tuple[str, ...]:
        """Everything that some process of the jail may do, or that the watch wants to see."""
        watched = [name for row in self.watch for name in row.calls]
        names = {*self.load, *self.reader, *self.supervisor, *watched} - set(self.absent)
        return tuple(sorted(names))


@dataclass(frozen=True)
class Programs:
    """The names of configs/programs.toml, no name twice."""

    real: tuple[str, ...]  # run as they are, where they exist
    tools: tuple[str, ...]  # decoys, all of them guest/tools/tool
    python: tuple[str, ...]  # the jail's own interpreter


@dataclass(frozen=True)
class Policy:
    """How one evaluation is done."""

    name: str
    limits: LimitPolicy
    read: ReadPolicy
    folder: FolderPolicy
    write: WritePolicy
    watch: WatchPolicy
    syscalls: Syscalls
    persona: Persona
    frameworks: tuple[str, ...]
    programs: Programs  # what a jail holds when `freedoms` has "programs"
    freedoms: frozenset[str]  # of FREEDOMS: what a load may do in its jail instead of being refused


def load(named: str, configs: Path, persona: str = PERSONA) -> Policy:
    """The policy of that name in configs/policies, or of that file when `named` is a path, for a jail of that persona.

    Raises CallerError with the table and key that is wrong.
    """
    path = Path(named) if named.endswith(".toml") or "/" in named else configs / "policies" / f"{named}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in (configs / "policies").glob("*.toml")))
        raise messages.error("policy.unknown", name=named, known=known)
    table = read_table(path)
    tables: dict[str, type[Any]] = {
        "limits": LimitPolicy,
        "read": ReadPolicy,
        "folder": FolderPolicy,
        "write": WritePolicy,
        "watch": WatchPolicy,
    }
    if table.keys() != {"name", "freedoms", *tables}:
        raise messages.error("policy.tables", file=path.name, tables=", ".join(tables))
    parts = {name: _parse(kind, table[name], f"{path.name}, [{name}]") for name, kind in tables.items()}
    freedoms = _freedoms(table["freedoms"], path.name)
    return Policy(
        name=str(table["name"]),
        freedoms=freedoms,
        syscalls=_syscalls(configs),
        persona=_persona(persona, configs, lived_in=bool(freedoms)),
        frameworks=tuple(read_table(configs / "frameworks.toml")["importable"]),
        programs=_programs(configs),
        **parts,
    )


def _freedoms(value: object, file: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(word in FREEDOMS for word in value):
        raise messages.error("policy.freedoms", file=file, known=", ".join(FREEDOMS))
    return frozenset(value)


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file. Raises CallerError when it is none."""
    return parse_table(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """A configuration file's. Raises CallerError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise messages.error("configuration.unread", file=path.name, why=error.strerror) from None


def parse_table(path: Path, content: bytes) -> dict[str, Any]:
    """What such a file holds. Raises CallerError when that is no TOML."""
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise messages.error("configuration.not_toml", file=path.name, why=error) from None


def united(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Several files' tables, by their names, as one: lists are joined, tables united.

    Raises CallerError when two files give one key different things.
    """
    whole: dict[str, Any] = {}
    for name, table in tables.items():
        for key, value in table.items():
            held = whole.setdefault(key, type(value)())
            if isinstance(value, list) and isinstance(held, list):
                held += value
            elif isinstance(value, dict) and isinstance(held, dict) and not held.keys() & value.keys():
                held |= value
            else:
                raise messages.error("configuration.twice", file=name, key=key)
    return whole


def parse_size(text: str) -> int:
    """ "512 MiB", "4G" or "1000000" -> bytes. Raises CallerError."""
    number = text.strip().rstrip("BKMGTi ").strip()
    unit = text.strip()[len(number) :].strip() or "B"
    try:
        size = float(number) * _UNITS[_SHORT.get(unit, unit)]
    except (ValueError, KeyError):
        raise messages.error("size", text=text) from None
    if not 0 < size < 1 << 60:
        raise messages.error("size", text=text)
    return int(size)


def parse_shift(text: str) -> float:
    """ "+400d" or "-12h" -> whole seconds. Raises CallerError."""
    found = _SHIFT.fullmatch(text.strip())
    seconds = round(float(found[1]) * _SECONDS[found[2]]) if found else 0
    if not 0 < abs(seconds) <= _MOST_SHIFT:
        raise messages.error("clock", text=text)
    return float(seconds)


def _parse(kind: type[Table], table: dict[str, Any], where: str) -> Table:
    """One table as its frozen type; every key must be there, and no other."""
    wanted = {spec.name: spec.type for spec in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(table, dict) or table.keys() != wanted.keys():
        wrong = sorted(set(table) ^ set(wanted)) if isinstance(table, dict) else [where]
        raise messages.error("policy.keys", where=where, keys=", ".join(wrong))
    values = {}
    for name, value in table.items():
        number = parse_size(value) if isinstance(value, str) else value
        if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number < math.inf:
            raise messages.error("policy.number", where=where, key=name)
        values[name] = float(number) if wanted[name] == "float" else int(number)
    return kind(**values)


def _syscalls(configs: Path) -> Syscalls:
    table = read_table(configs / "syscalls.toml")
    watch = tuple(Watched(kind, tuple(row["calls"]), row["answer"]) for kind, row in table["watch"].items())
    lists = {name: tuple(table[name]) for name in ("load", "reader", "supervisor", "absent", "followed")}
    free = {name: tuple(table["free"][name]) for name in FREEDOMS}
    return Syscalls(watch=watch, free=free, **lists)


def _programs(configs: Path) -> Programs:
    path = configs / "programs.toml"
    table = read_table(path)
    lists = [table.get(spec.name) for spec in fields(Programs)]
    names = [name for row in lists if isinstance(row, list) for name in row]
    plain = all(isinstance(name, str) and _PROGRAM.fullmatch(name) for name in names)
    whole = len(table) == len(lists) and all(isinstance(row, list) and row for row in lists)
    if not plain or not whole or len(set(names)) != len(names):
        raise messages.error("policy.programs", file=path.name)
    return Programs(**{name: tuple(row) for name, row in table.items()})


def _persona(name: str, configs: Path, *, lived_in: bool) -> Persona:
    """With its home's plain files only for a load that can do something with them: they take time to plant."""
    home = read_table(configs / "home.toml") if lived_in else None
    return parse_persona(name, read_table(configs / "personas.toml"), read_table(configs / "decoys.toml"), home)
