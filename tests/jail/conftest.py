"""What the jail suites share: every test runs in each jail of this release."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import pytest

from sandbox.bundle import find
from sandbox.controller import evaluate
from sandbox.facts import Report
from sandbox.jail.layers import base
from sandbox.jail.packages import BYTECODE, cache_base
from sandbox.request import Request
from tests.jail.payloads import running

JAILS = tuple(os.environ.get("SANDBOX_LOAD_TEST_JAILS", "bubblewrap docker gvisor").split())

Evaluate = Callable[..., Report]


@pytest.fixture(params=JAILS)
def jail(request: pytest.FixtureRequest) -> str:
    """The jail's name. An ordinary user's run names those it may use in SANDBOX_LOAD_TEST_JAILS."""
    return str(request.param)


def in_one_jail(test: Callable[..., None]) -> Callable[..., None]:
    """For a test of what no jail could change: it runs in bubblewrap, once."""
    return pytest.mark.one_jail(pytest.mark.parametrize("jail", ["bubblewrap"])(test))


def parametrize_jails(metafunc: pytest.Metafunc, wherever: Container[str]) -> None:
    """A module's tests in bubblewrap and in gVisor, whose observers and kernels differ.

    Docker has bubblewrap's, and so has a bubblewrap that root starts. The tests that are named, without `test_`, show
    what mounts, users and limits could change, so they run in those, too.
    """
    if "jail" in metafunc.fixturenames:
        named = metafunc.function.__name__.removeprefix("test_") in wherever
        once = () if named else (pytest.mark.one_jail,)
        jails = [jail for jail in JAILS if named or jail != "docker"]
        metafunc.parametrize("jail", [pytest.param(jail, marks=once if jail == "bubblewrap" else ()) for jail in jails])


def hide_layers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a cache that has the base alone, and what byte-code there is."""
    environment = base(find()).ready()
    (folder / "sandbox-load").mkdir(mode=0o755)
    for file in cache_base(None).glob(f"{BYTECODE}*"):
        (folder / "sandbox-load" / file.name).symlink_to(file)
    if environment:
        (folder / "sandbox-load" / environment.parent.name).symlink_to(environment.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))


@pytest.fixture
def without_layers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever layers this machine has: what is of their packages is absent."""
    hide_layers(tmp_path_factory.mktemp("cache"), monkeypatch)


@pytest.fixture
def evaluated(jail: str, tmp_path: Path) -> Evaluate:
    """Evaluate a file in the jail, writing nothing unless asked."""

    def run(path: Path, **options: Any) -> Report:
        return evaluate(Request(path, jail=jail, **({"write": False, "timeout": 30} | options)))

    return run


@pytest.fixture
def report_of(evaluated: Evaluate, tmp_path: Path) -> Evaluate:
    """Evaluate a checkpoint that runs this source."""

    def run(source: str, **options: Any) -> Report:
        return evaluated(running(source, tmp_path / "payload.pkl"), **options)

    return run
