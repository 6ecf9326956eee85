"""Who may import whom. The path of a file tells what it may touch; this holds every import against that."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Rooms from the top to the bottom of the host. A module belongs to the longest name that begins it.
_BOTTOM = {"sandbox.facts", "sandbox.errors", "sandbox.report.neutral", "sandbox.messages"}
_MIDDLE = {"sandbox.policy", "sandbox.persona", "sandbox.bundle", *_BOTTOM}
MAY_IMPORT: dict[str, set[str]] = {
    "sandbox": {
        "sandbox.facts",
        "sandbox.controller",
        "sandbox.request",
        "sandbox.tensors",
        "sandbox.metadata",
    },  # later
    "sandbox.errors": set(),
    "sandbox.facts": set(),
    "sandbox.report.neutral": set(),
    "sandbox.messages": {"sandbox.errors", "sandbox.report.neutral"},
    "sandbox.persona": _BOTTOM,
    "sandbox.policy": {"sandbox.persona", *_BOTTOM},
    "sandbox.planted": {"sandbox.persona"},
    "sandbox.bundle": _BOTTOM,
    "sandbox.progress": {"sandbox.report.neutral"},
    "sandbox.untrusted.wire": set(),  # the guest is given this file alone
    "sandbox.untrusted": {"sandbox.untrusted.wire", *_BOTTOM},
    "sandbox.judge": _BOTTOM,
    "sandbox.rulebook": {"sandbox.judge", "sandbox.policy", "sandbox.bundle", *_BOTTOM},
    "sandbox.report": {"sandbox.facts", "sandbox.report.neutral"},
    "sandbox.stage": _MIDDLE,
    "sandbox.scratch": set(),
    "sandbox.jail": _MIDDLE,
    # The plan's rows are what the wire gives, and stay hostile until the weights' own check has seen them.
    "sandbox.weights": {"sandbox.untrusted.wire", "sandbox.stage", *_MIDDLE},
    "sandbox.metadata": {"sandbox.untrusted.wire", "sandbox.weights.metadata", *_BOTTOM},
    "sandbox.order": {"sandbox.planted", "sandbox.stage", "sandbox.jail.interface", "sandbox.untrusted.wire", *_MIDDLE},
    "sandbox.inside": {"sandbox.facts", "sandbox.jail.interface"},
    "sandbox.exchange": {
        *("sandbox.inside", "sandbox.stage", "sandbox.jail.interface", "sandbox.untrusted", "sandbox.weights"),
        *_MIDDLE,
    },
    "sandbox.release": {"sandbox.exchange", "sandbox.weights", *_MIDDLE},
    "sandbox.evidence": {"sandbox.report.as_json", "sandbox.untrusted.scripts", *_BOTTOM},
    "sandbox.controller": {
        *(
            "sandbox.request",
            "sandbox.evidence",
            "sandbox.release",
            "sandbox.scratch",
            "sandbox.inside",
            "sandbox.planted",
            "sandbox.rulebook",
        ),
        *("sandbox.order", "sandbox.exchange", "sandbox.stage", "sandbox.jail", "sandbox.untrusted"),
        *("sandbox.planted", "sandbox.judge", "sandbox.weights", *_MIDDLE),
    },
    "sandbox.tensors": {"sandbox.controller", "sandbox.scratch", "sandbox.weights.group", *_MIDDLE},
    "sandbox.reporting": {"sandbox.report", *_MIDDLE},
    "sandbox.verification": {"sandbox.controller", "sandbox.request", "sandbox.scratch", "sandbox.weights", *_MIDDLE},
    "sandbox.prepare": {"sandbox.jail", *_MIDDLE},
    "sandbox.doctor": {"sandbox.controller", "sandbox.request", "sandbox.scratch", "sandbox.jail", *_MIDDLE},
    "sandbox.options": set(),
    "sandbox.request": {"sandbox.jail.family", "sandbox.weights.arrangement", *_MIDDLE},
    "sandbox.cli": {
        *("sandbox.controller", "sandbox.reporting", "sandbox.verification", "sandbox.prepare", "sandbox.doctor"),
        *("sandbox.options", "sandbox.request", "sandbox.progress", *_MIDDLE),
    },
}
PURE = (
    *("sandbox.untrusted", "sandbox.judge", "sandbox.report", "sandbox.errors", "sandbox.facts", "sandbox.messages"),
    "sandbox.persona",
)
IMPURE = {"os", "subprocess", "socket", "ctypes", "tempfile", "threading", "multiprocessing", "shutil", "pathlib", "io"}
NEVER_ON_THE_HOST = {
    *("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch", "numpy", "safetensors"),
    *("runner", "guest", "images", "wire", "zipfile", "zlib", "gzip", "bz2", "lzma"),
}
GUEST_MAY_ADD = {"wire", "guest", "pyseccomp", "psutil", "blake3"}
LOADER_MAY_ADD = {"torch", "numpy"}


def module(path: Path, root: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, package: str, *, names: set[str]) -> Iterator[str]:
    """Every module that the file imports, wherever the statement stands; `names` tells modules from attributes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{package} has a relative import"
            base = node.module or ""
            wholes = {f"{base}.{alias.name}" for alias in node.names}
            yield from wholes & names
            if wholes - names:
                yield base


def host() -> dict[str, Path]:
    files = (path for path in (ROOT / "sandbox").rglob("*.py") if "_bundle" not in path.parts)
    return {module(path, ROOT): path for path in sorted(files)}


def guest() -> dict[str, Path]:
    files = {module(path, ROOT / "images"): path for path in sorted((ROOT / "images" / "guest").rglob("*.py"))}
    return files | {"runner": ROOT / "runner.py"}


HOST, GUEST = host(), guest()
USED = {name: sorted(set(imports(path, name, names=set(HOST)))) for name, path in HOST.items()}
GUEST_USED = {name: sorted(set(imports(path, name, names=set(GUEST)))) for name, path in GUEST.items()}


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str:
    fitting = [room for room in MAY_IMPORT if (within(name, room) if room != "sandbox" else name == room)]
    assert fitting, f"{name} is in no room: give it one in this test"
    return max(fitting, key=len)


@pytest.mark.parametrize("name", HOST)
def test_imports_go_downwards_only(name: str) -> None:
    room = room_of(name)
    allowed = MAY_IMPORT[room] | ({room} if room != "sandbox" else set())
    ours = [used for used in USED[name] if within(used, "sandbox") and used != "sandbox"]
    assert [used for used in ours if not any(within(used, may) for may in allowed)] == []


def test_the_jail_and_what_reads_its_words_do_not_know_each_other() -> None:
    for one, other in (("sandbox.jail", "sandbox.untrusted"), ("sandbox.untrusted", "sandbox.jail")):
        reached = {used for name, found in USED.items() if within(name, one) for used in found}
        assert not any(within(used, other) for used in reached)


@pytest.mark.parametrize("name", [name for name in HOST if any(within(name, room) for room in PURE)])
def test_pure_rooms_touch_nothing(name: str) -> None:
    assert {used.partition(".")[0] for used in USED[name]} & IMPURE == set()


@pytest.mark.parametrize("name", HOST)
def test_the_host_knows_no_unpickler_and_no_framework(name: str) -> None:
    allowed = {"safetensors"} if name == "sandbox.tensors" else set()
    assert {used.partition(".")[0] for used in USED[name]} & NEVER_ON_THE_HOST == allowed


@pytest.mark.parametrize("name", GUEST)
def test_the_guest_knows_nothing_of_the_host(name: str) -> None:
    added = LOADER_MAY_ADD if within(name, "guest.load") else set()
    tops = {used.partition(".")[0] for used in GUEST_USED[name]}
    assert tops - sys.stdlib_module_names - GUEST_MAY_ADD - added == set()


def test_the_wire_needs_the_standard_library_alone() -> None:
    assert {used.partition(".")[0] for used in USED["sandbox.untrusted.wire"]} <= sys.stdlib_module_names


def test_only_the_loader_unpickles() -> None:
    users = {name for name, used in GUEST_USED.items() if {"pickle", "_pickle", "marshal", "shelve"} & set(used)}
    assert all(within(name, "guest.load") for name in users)


@pytest.mark.parametrize("used", [USED, GUEST_USED], ids=["host", "guest"])
def test_no_import_goes_round(used: dict[str, list[str]]) -> None:
    """Functions that import late are counted, too; only `import sandbox` itself promises what it fetches later."""
    graph = {name: {other for other in found if other in used} for name, found in used.items() if name != "sandbox"}
    TopologicalSorter(graph).prepare()


def test_every_room_is_a_folder_or_a_file() -> None:
    later = {"sandbox.prepare", "sandbox.doctor"}  # each is imported by the command, lazily
    assert {room for room in MAY_IMPORT if room not in HOST} <= later


@pytest.mark.parametrize("mark", ["alone", "root"])
def test_what_is_tested_by_itself_stands_where_the_check_looks_for_it(mark: str) -> None:
    sought = f"pytest.mark.{mark}"
    files = sorted(path for path in (ROOT / "tests").rglob("*.py") if sought in path.read_text(encoding="utf-8"))
    places = " ".join(path.relative_to(ROOT).as_posix() for path in files)
    assert f"\n{mark}={places}\n" in (ROOT / "scripts" / "check").read_text(encoding="utf-8")
