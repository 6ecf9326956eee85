"""What the jail suites share: every test runs in each jail of this release."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.controller import evaluate
from sandbox.facts import Report
from sandbox.request import Request
from tests.jail.payloads import running

JAILS = tuple(os.environ.get("SANDBOX_LOAD_TEST_JAILS", "bubblewrap docker gvisor").split())

Evaluate = Callable[..., Report]


@pytest.fixture(params=JAILS)
def jail(request: pytest.FixtureRequest) -> str:
    """The jail's name. An ordinary user's run names those it may use in SANDBOX_LOAD_TEST_JAILS."""
    return str(request.param)


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
