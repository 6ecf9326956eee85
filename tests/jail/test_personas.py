"""Whose machine a jail looks like from inside, and what opening that person's files leads to."""

from __future__ import annotations

import ast
import os
import re
from typing import Any

import pytest

from sandbox.bundle import find
from sandbox.facts import Report, Verdict
from sandbox.policy import load
from tests.jail.conftest import Evaluate

pytestmark = pytest.mark.jail

PERSONAS = ("ci", "gpu-vm", "laptop", "notebook")
HOSTS = {
    "ci": r"runner-[0-9a-f]{8}",
    "gpu-vm": r"gpu-a100-[0-9a-f]{4}",
    "laptop": r"sam-thinkpad-[0-9a-f]{4}",
    "notebook": r"jupyter-sweaver-[0-9a-f]{4}",
}
LOOK = """
import os
print([dict(os.environ), os.uname().nodename, len(os.sched_getaffinity(0)), os.path.expanduser("~")])
"""


def seen(report: Report) -> list[Any]:
    texts = {stream: text for stream, text, _ in report.dynamic.printed}
    return list(ast.literal_eval(texts["loader stdout"]))


def paths(report: Report, kind: str) -> dict[str, str]:
    """Path -> name, of the events of that kind."""
    rows = (event.detail for event in report.dynamic.events if event.kind == kind)
    return {detail["path"]: detail.get("name", "") for detail in rows}


@pytest.mark.parametrize("persona", PERSONAS)
def test_environment_name_and_cpus(persona: str, jail: str, report_of: Evaluate) -> None:
    report = report_of(LOOK, persona=persona)
    environment, host, affinity, home = seen(report)
    wanted = load("evaluate", find().configs, persona).persona
    assert re.fullmatch(HOSTS[persona], host)
    assert home == environment["HOME"] == "/home/user"
    assert environment.keys() >= {*wanted.variables, *(decoy.name for decoy in wanted.decoys if decoy.name)}
    fixed = {name: text for name, text in wanted.variables.items() if "{" not in text}
    assert environment.items() >= fixed.items()
    if persona == "ci":
        assert environment["RUNNER_NAME"] == host
    machine = len(os.sched_getaffinity(0))
    given = min(load("evaluate", find().configs).limits.cpus, wanted.cpus, machine)
    assert next(limit for limit in report.jail.limits if limit.name == "cpu").value == 1000 * given
    assert affinity <= (given if jail == "bubblewrap" else machine)


def test_an_opened_decoy_and_an_opened_file_of_the_home_are_told(report_of: Evaluate) -> None:
    report = report_of(
        """
        import os
        open("/home/user/.ssh/id_ed25519").read()
        open("/home/user/Documents/Recipes.txt").read()
        os.listdir("/home/user/Documents")
        """,
        policy="detonate",
    )
    assert paths(report, "decoy.read") == {"/home/user/.ssh/id_ed25519": "SSH private key (ed25519)"}
    assert paths(report, "home.read") == {"/home/user/Documents/Recipes.txt": ""}
    assert paths(report, "home.list") == {"/home/user/Documents": ""}
    assert {"event.decoy", "event.home.read", "event.home.list"} <= {finding.rule for finding in report.findings}


def test_taking_the_home_is_malicious(report_of: Evaluate) -> None:
    """As one thief did: the first thousand files of the home."""
    report = report_of(
        """
        import os
        taken = 0
        for folder, _, names in os.walk(os.path.expanduser("~")):
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    taken += bool(file.read())
        print([taken])
        """,
        policy="detonate",
    )
    assert report.verdict == Verdict.MALICIOUS
    assert {"event.decoy", "event.home.sweep"} <= {finding.rule for finding in report.findings}
    persona = load("detonate", find().configs).persona
    files = sum(len(folder.names) for folder in persona.home)
    credentials = [decoy for decoy in persona.decoys if decoy.path]
    assert seen(report) == [files + len(credentials)]
    assert (report.dynamic.counts["home.read"], report.dynamic.counts["decoy.read"]) == (files, len(credentials))
    assert report.dynamic.decoy_overflow == 0
    assert len(paths(report, "decoy.read")) == len(credentials)
    folders = [path for path in paths(report, "home.read") if path.endswith("/*")]
    assert len(paths(report, "home.read")) - len(folders) == 32


def test_where_nothing_may_be_done_the_home_holds_credentials_only(report_of: Evaluate) -> None:
    report = report_of('import os\nprint([sorted(os.listdir("/home/user"))])')
    assert "Documents" not in seen(report)[0]
    assert ".ssh" in seen(report)[0]
    assert "home.list" not in report.dynamic.counts
