"""What a load finds of programs: nothing under evaluate, under detonate each by its name, in every jail."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sandbox import policy
from sandbox.bundle import find
from sandbox.facts import Report
from sandbox.jail.bubblewrap_flags import flags, real_programs
from sandbox.jail.bubblewrap_run import _mounts, _sources
from sandbox.jail.interface import TOOL, JailSpec
from sandbox.policy import Programs
from tests.jail.conftest import Evaluate
from tests.jail.test_docker import ROOT, make_spec

PROGRAMS = policy.load("detonate", ROOT / "configs").programs
FEW = Programs(real=("sh", "cat", "no-such-program"), tools=("curl", "nc"), python=("python",))
LOOKED_FOR = ("sh", "bash", "perl", "cat", "curl", "xdg-open", "python")
LOOKING = f"""
import json, os
seen = {{}}
for name in {LOOKED_FOR}:
    paths = [f"{{folder}}/{{name}}" for folder in ("/bin", "/usr/bin")]
    seen[name] = [os.path.exists(path) and os.access(path, os.X_OK) for path in paths]
seen["/programs"] = sorted(os.listdir("/programs")) if os.path.isdir("/programs") else []
print(json.dumps(seen))
"""


def spec_with(folder: Path, programs: Programs | None) -> JailSpec:
    return JailSpec(**(vars(make_spec(folder)) | {"programs": programs}))


def bound(spec: JailSpec) -> dict[str, str]:
    """Place in the jail -> file of the host."""
    words = _mounts(spec, _sources(spec, spec.code))
    return {words[at + 2]: words[at + 1] for at, word in enumerate(words) if word == "--ro-bind"}


def test_without_programs_bubblewrap_binds_the_interpreter_alone(tmp_path: Path) -> None:
    spec = spec_with(tmp_path, None)
    assert [place for place in bound(spec) if "/bin/" in place] == ["/usr/bin/python3.11"]
    assert not any("/bin" in word for words, _ in flags(spec) for word in words)


def test_with_programs_each_is_bound_alone_and_read_only(tmp_path: Path) -> None:
    spec = spec_with(tmp_path, FEW)
    programs = {place: source for place, source in bound(spec).items() if place.startswith("/usr/bin/")}
    assert programs.keys() == {"/usr/bin/python3.11", "/usr/bin/sh", "/usr/bin/cat"}
    assert all(Path(source).is_file() and not Path(source).is_symlink() for source in programs.values())
    assert programs == {"/usr/bin/python3.11": "/usr/bin/python3.11"} | {
        place: str(path) for place, path in real_programs(FEW).items()
    }


def test_what_programs_add_to_the_flags_has_its_reasons(tmp_path: Path) -> None:
    spec = spec_with(tmp_path, FEW)
    plain = flags(JailSpec(**(vars(spec) | {"programs": None})))
    added = [row for row in flags(spec) if row not in plain]
    assert len(added) == len(flags(spec)) - len(plain)
    assert [words for words, _ in added] == [
        ["--symlink", "usr/bin", "/bin"],
        ["of the host's programs, read-only: sh cat"],
        ["--symlink", TOOL, "/usr/bin/curl", "--symlink", TOOL, "/usr/bin/nc"],
        ["--symlink", "/usr/bin/python3.11", "/usr/bin/python"],
    ]
    assert all(reason for _, reason in added)


def test_a_folder_of_the_callers_is_never_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sh").write_text("")
    (tmp_path / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not any(path.is_relative_to(tmp_path) for path in real_programs(PROGRAMS).values())
    assert "/usr/bin/sh" in real_programs(PROGRAMS)


def looked(report: Report) -> dict[str, list[object]]:
    assert report.completeness.complete, report.completeness
    found: dict[str, list[object]] = json.loads(report.dynamic.printed[0][1])
    return found


@pytest.mark.jail
def test_the_script_finds_its_name_and_its_modules_wherever_it_is_linked(tmp_path: Path) -> None:
    """In a network of its own, so that what it tells leaves nothing."""
    (tmp_path / "code").mkdir()
    find().write_code(tmp_path / "code")
    (tmp_path / "systemctl").symlink_to(tmp_path / "code" / "guest" / "tools" / "tool")
    command = ["bwrap", "--dev-bind", "/", "/", "--unshare-net", str(tmp_path / "systemctl"), "start", "x"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("System has not been booted with systemd")


@pytest.mark.jail
def test_no_program_is_there_unless_the_policy_runs_some(report_of: Evaluate) -> None:
    seen = looked(report_of(LOOKING))
    assert seen.pop("/programs") == []
    assert seen == {name: [False, False] for name in LOOKED_FOR}


@pytest.mark.jail
def test_under_detonate_each_is_there_by_its_name(report_of: Evaluate, jail: str) -> None:
    report = report_of(LOOKING, policy="detonate")
    seen = looked(report)
    assert (len(seen.pop("/programs")) > 100) == (jail != "bubblewrap")
    assert seen == {name: [True, True] for name in LOOKED_FOR}
    told = " ".join(flag for flag, _ in report.jail.hardening)
    assert ("--tmpfs /programs:ro" in told) is False
    assert ("of the host's programs" in told) == (jail == "bubblewrap")
