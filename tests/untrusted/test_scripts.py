"""Scripts are taken out of command lines as text; nothing is run."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.facts import Event
from sandbox.untrusted.scripts import MOST, Script, scripts


def ran(argv: str, number: int = 1) -> Event:
    return Event(number, "process.exec", "execve", "continued", 7, 1.0, 1, {"argv": argv, "path": "/bin/x"})


@pytest.mark.parametrize(
    ("words", "program", "text"),
    [
        (["sh", "-c", "id; ls"], "sh", "id; ls"),
        (["/bin/bash", "-lc", "id"], "bash", "id"),
        (["bash", "--norc", "+e", "-c", "id"], "bash", "id"),
        (["python3.11", "-I", "-Bc", "print('a\nb')"], "python3.11", "print('a\nb')"),
        (["perl", "-e", "exec 1"], "perl", "exec 1"),
        (["perl", "-MIO::Socket", "-we", "exec 1"], "perl", "exec 1"),
        (["ruby", "-rsocket", "-e", "x"], "ruby", "x"),
        (["php", "-r", "x"], "php", "x"),
        (["node", "--eval", "x"], "node", "x"),
        (["powershell.exe", "-NoP", "-EncodedCommand", "aQBkAA=="], "powershell.exe", "aQBkAA=="),
        (["env", "-i", "timeout", "5", "sh", "-c", "id"], "sh", "id"),
        (["busybox", "sh", "-c", "id"], "sh", "id"),
        (["bash", "-o", "pipefail", "-c", "id"], "bash", "id"),
        (["bash", "-euo", "pipefail", "-c", "id", "name"], "bash", "id"),
        (["bash", "-euxo", "pipefail", "+o", "posix", "-O", "extglob", "+O", "nullglob", "-ec", "id"], "bash", "id"),
        (["bash", "-oc", "errexit", "id"], "bash", "id"),
        (["bash", "--rcfile", "x", "--posix", "-c", "id"], "bash", "id"),
        (["sh", "-c", "-e", "id"], "sh", "id"),
        (["sh", "-ec", "id"], "sh", "id"),
        (["sh", "-xc", "--", "-id"], "sh", "-id"),
        (["sh", "-c", "-", "id", "-x"], "sh", "id"),
        (["sh", "-c", "+x", "id"], "sh", "id"),
        (["sh", "-c", ""], "sh", ""),
        (["fish", "-C", "x", "--command", "id"], "fish", "id"),
        (["python3", "-W", "ignore", "-X", "utf8", "-c", "x"], "python3", "x"),
        (["perl", "-I", "lib", "-e", "x"], "perl", "x"),
        (["env", "-u", "A", "B=c", "sh", "-c", "id"], "sh", "id"),
        (["env", "-S", "-i B=c sh -c 'id; ls'"], "sh", "id; ls"),
        (["/usr/bin/env", "-vSsh -c", "id"], "sh", "id"),
        (["env", "--split-string=python3 -c x"], "python3", "x"),
        (["nohup", "setsid", "-f", "bash", "-c", "id"], "bash", "id"),
        (["timeout", "-k", "5", "--signal=KILL", "9s", "sh", "-c", "id"], "sh", "id"),
        (["nice", "-n", "19", "sudo", "-n", "-u", "root", "--", "sh", "-c", "id"], "sh", "id"),
    ],
)
def test_a_script_is_found(words: list[str], program: str, text: str) -> None:
    assert scripts([ran(shlex.join(words), 5)]) == (Script(5, 7, program, text, cut=False),)


@pytest.mark.parametrize(
    "words",
    [
        *(["sh"], ["sh", "-c"], ["sh", "x.sh", "-c", "id"], ["curl", "-c", "jar"], ["cat", "-e", "x"], []),
        *(["sh", "-c", "-e"], ["sh", "-c", "--"], ["bash", "-o", "-c", "x.sh"], ["bash", "--", "-c", "id"]),
        *(["sh", "+c", "id"], ["bash", "-c", "-o"], ["sh", "--rcfile", "-c"], ["env", "-S"], ["env", "-S", "'"]),
    ],
)
def test_where_there_is_none_there_is_none(words: list[str]) -> None:
    assert scripts([ran(shlex.join(words))]) == ()


def test_each_once_and_a_long_one_says_that_it_was_cut() -> None:
    argv = shlex.join(["sh", "-c", "x" * 5000 + " 'y'"])[:4096]
    (first, second) = scripts([ran("sh -c id", 1), ran("dash -c id", 2), ran(argv, 3)])
    assert (first.event, first.program) == (1, "sh")
    assert (second.cut, second.text[:3]) == (True, "xxx")


def test_only_so_many_are_looked_at() -> None:
    assert len(scripts([ran(f"sh -c {number}") for number in range(MOST + 9)])) == MOST


@given(
    st.text()
    | st.lists(st.sampled_from(["sh", "-c", "-o", "--", "env", "-S", "'", '"', "\\", " ", "python", "x"])).map("".join)
)
def test_no_command_line_breaks_it(argv: str) -> None:
    for found in scripts([ran(argv)]):
        assert isinstance(found.text, str)
