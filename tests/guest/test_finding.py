"""The finder as PID 1 starts it: its own process, isolated Python, under its filter, fed without waiting."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from guest import finding
from guest.finding import Found, find
from guest.order import Order
from guest.reaper import Reaper
from guest.relay import Pump

ROOT = Path(__file__).resolve().parents[2]
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest's code as it stands in the jail."""
    folder = tmp_path_factory.mktemp("code")
    shutil.copytree(ROOT / "images" / "guest", folder / "guest")
    shutil.copy(ROOT / "sandbox" / "untrusted" / "wire.py", folder)
    return folder


@pytest.fixture
def order(code: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(finding, "_SCRIPT", code / "guest" / "finder.py")
    told = SimpleNamespace(
        secrets={"AWS credentials": SECRET},
        confined=tomllib.loads((ROOT / "configs" / "syscalls.toml").read_text())["reader"],
        uid=os.getuid(),
        gid=os.getgid(),
        memory=1 << 30,
    )
    told.for_finder = lambda *args: Order.for_finder(told, *args)
    before = set(os.listdir("/proc/self/fd"))
    yield told
    assert set(os.listdir("/proc/self/fd")) <= before  # what others left may go meanwhile


def looked(order: Any, blobs: list[bytes], wall: float = 60.0) -> tuple[list[Found], str]:
    pump = Pump(time.monotonic() + wall)
    try:
        return find(pump, Reaper(), order, blobs)
    finally:
        pump._selector.close()


def test_what_was_stolen_is_found_where_it_is(order: Any) -> None:
    blobs = [
        os.urandom(1 << 20),
        b"",
        b"GET /?k=" + SECRET.encode(),
        base64.b64encode(gzip.compress(b"aws_secret_access_key = " + SECRET.encode())),
        os.urandom(300_000) + SECRET.encode(),
    ]
    hits, why = looked(order, blobs)
    assert why == ""
    assert sorted((hit.blob, hit.what, hit.how) for hit in hits) == [
        (2, "AWS credentials", "plain"),
        (3, "AWS credentials", "gzip, base64"),
        (4, "AWS credentials", "plain"),
    ]


@pytest.mark.parametrize("blobs", [[], [b""], [b"", b""], [b"x" * 100]])
def test_nothing_stolen(blobs: list[bytes], order: Any) -> None:
    assert looked(order, blobs) == ([], "")


def test_without_secrets_nothing_is_started(order: Any) -> None:
    order.secrets = {}
    assert looked(order, [b"x"]) == ([], "")


def test_a_text_that_takes_all_the_time_hides_only_itself(order: Any) -> None:
    started = time.monotonic()
    flood = b"abcdefghijklmnopqrstuvwx " * 600_000
    hits, why = looked(order, [flood, SECRET.encode()])
    assert [(hit.blob, hit.how) for hit in hits] == [(1, "plain")]
    assert "out of time" in why or "no time left" in why
    assert time.monotonic() - started < finding.SECONDS + 2


def test_too_many_and_too_long(order: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MAX_BYTES", 1000)
    hits, why = looked(order, [bytes(1001), SECRET.encode()])
    assert [hit.blob for hit in hits] == [1]
    assert why == "1 of 2 texts were too many or too long"
    monkeypatch.setattr(finding, "MAX_BLOBS", 3)
    hits, why = looked(order, [b"x", b"y", b"z", SECRET.encode()])
    assert (hits, why) == ([], "1 of 4 texts were too many or too long")


def test_no_time_is_said(order: Any) -> None:
    assert looked(order, [SECRET.encode()], wall=-1) == (
        [],
        "there was no time left to look for planted secrets in all of it",
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise SystemExit(1)", "the finder ended before it was done"),
        ("import os; os.close(3); import time; time.sleep(60)", "the finder ended before it was done"),
        ("import time; time.sleep(60)", "there was no time left to look for planted secrets in all of it"),
        ("import os\nwhile True: os.write(3, b'x' * 60000)", "the finder said what it never says"),
        ("import os\nos.write(3, b'{}\\n')", "the finder said what it never says"),
        ("import os\nos.write(3, b'[1]\\n')", "the finder said what it never says"),
        ("import os\nos.write(3, b'[' * 50000 + b'\\n')", "the finder said what it never says"),
        (
            'import os\nos.write(3, b\'{"blob": 7, "what": "AWS credentials", "how": "plain"}\\n\')',
            "the finder said what it never says",
        ),
        (
            'import os\nos.write(3, b\'{"blob": 0, "what": "nothing", "how": "plain"}\\n\')',
            "the finder said what it never says",
        ),
        ('import os\nos.write(3, b\'{"done": 0, "why": ""}\\n\')', "1 texts were not reached"),
    ],
)
def test_a_finder_that_was_taken_over_can_not_hold_pid_1_up(
    source: str, why: str, order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "finder.py"
    script.write_text(source)
    monkeypatch.setattr(finding, "_SCRIPT", script)
    monkeypatch.setattr(finding, "SECONDS", 1.0)
    started = time.monotonic()
    assert looked(order, [bytes(1 << 20)]) == ([], why)
    assert time.monotonic() - started < 5
