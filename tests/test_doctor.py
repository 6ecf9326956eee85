"""What `doctor` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.doctor import Examined, examine, examined, kernel, machine, ptrace_scope, text, user_namespaces
from sandbox.jail.family import members
from sandbox.jail.interface import Readiness
from tests.jail.conftest import JAILS

READY = Examined(Readiness("docker", works=True, prepared=True, version="20.10.24"), "notify")
WORKS = Examined(
    Readiness("bubblewrap", True, False, "0.8.0", "its packages are not installed yet", "sandbox-load setup")
)
NOT = Examined(Readiness("gvisor", False, False, why="there is no Docker engine", fix="sudo apt-get install x"))
FAILED = Examined(Readiness("docker+crun", True, True, "20.10.24+dfsg1"), failed="it hangs")
GVISOR = Examined(Readiness("gvisor", True, True, "1"), "trace")
FACTS = (("kernel", "6.1"),)


def test_each_jail_has_a_line_and_the_command_that_would_change_it() -> None:
    lines = text((NOT, READY, WORKS, FAILED), FACTS).splitlines()
    assert lines[:6] == [
        "gvisor                    not usable: there is no Docker engine",
        "                          to change that: sudo apt-get install x",
        "docker 20.10.24           ready, watched by notify",
        "bubblewrap 0.8.0          works here, not prepared: its packages are not installed yet",
        "                          to change that: sandbox-load setup",
        "docker+crun 20.10.24+dfsg1 not usable: a harmless model failed in it: it hangs",
    ]
    assert lines[-1] == "  kernel                  6.1"


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        ((NOT, READY, WORKS), "uses docker here"),
        ((NOT, WORKS), "No jail is prepared yet: sandbox-load setup"),
        ((NOT,), "nothing is loaded without one"),
        ((FAILED,), "nothing is loaded without one"),
        ((GVISOR, WORKS), "No jail is prepared yet"),
        ((GVISOR, FAILED, READY), "uses docker here"),
    ],
)
def test_it_says_what_an_evaluation_would_use(rows: tuple[Examined, ...], advice: str) -> None:
    assert advice in text(rows, FACTS)


def test_a_tools_own_words_do_not_reach_the_terminal_raw() -> None:
    assert "\x1b" not in text(
        (Examined(Readiness("docker", True, True, "\x1b[2J", "\x1b[31m", "\x1b"), "\x1b", "\x1b"),),
        (("kernel", "\x1b"),),
    )


@pytest.mark.jail
def test_every_jail_is_tried_strongest_first() -> None:
    rows = {row.readiness.name: row for row in examine()}
    ours = [name for name in rows if "+" not in name]  # what else an engine has is its own affair
    assert ours == ["gvisor", "docker", "bubblewrap"]
    assert {name for name in ours if rows[name].readiness.prepared} >= {*JAILS}
    for name, observer in (("gvisor", "trace"), ("docker", "notify"), ("bubblewrap", "notify")):
        row = rows[name]
        assert (row.failed, row.observer) == ("", observer if row.readiness.prepared else "")


def test_what_a_trial_says_is_why_the_jail_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine goes away between the look and the trial."""
    gvisor = members()[0]
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setattr(gvisor, "readiness", lambda: Readiness("gvisor", works=True, prepared=True))
    row = examined(gvisor)
    assert "there is no Docker engine" in row.failed
    assert not row.works


def test_every_fact_of_the_machine_is_told() -> None:
    facts = dict(machine())
    assert facts.keys() == {
        "kernel",
        "memory",
        "layers in every jail",
        "limits in bubblewrap by",
        "user namespaces",
        "reading memory",
    }
    assert all(facts.values())


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces"),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
        ("user/max_user_namespaces", "15000", "open"),
        ("user/max_user_namespaces", "not a number", "open"),
    ],
)
def test_closed_user_namespaces_are_explained(tmp_path: Path, setting: str, value: str, told: str) -> None:
    path = tmp_path / setting
    path.parent.mkdir()
    path.write_text(value)
    assert told in user_namespaces(tmp_path)


@pytest.mark.parametrize(
    ("scope", "told"), [("0", "may read"), ("1", "may read"), ("2", "ptrace_scope=1"), ("3", "scope 3")]
)
def test_a_closed_yama_scope_is_explained(tmp_path: Path, scope: str, told: str) -> None:
    (tmp_path / "kernel" / "yama").mkdir(parents=True)
    (tmp_path / "kernel" / "yama" / "ptrace_scope").write_text(scope)
    assert told in ptrace_scope(tmp_path)


@pytest.mark.parametrize(
    ("release", "old"), [("5.4.0-150-generic", True), ("5.7", False), ("6.18.44-fc", False), ("4.18.0", True)]
)
def test_a_kernel_too_old_to_watch_is_named(release: str, old: bool) -> None:
    assert ("too old" in kernel(release)) is old
