"""Cases 59 to 71 from outside: who listens on this machine hears nothing."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tests.abuse.bench import Bench
from tests.abuse.case import Case, Evidence, holds

_PAYLOAD = """
import ctypes, socket, struct
libc = ctypes.CDLL(None)
got = 0
for family, kind, address in {places!r}:
    for way in ("connect", "send", "fast"):
        try:
            s = socket.socket(family, kind)
            if way == "connect":
                s.connect(address)
                s.send(b"loot")
            elif way == "send":
                s.sendto(b"loot", address)
            else:
                s.sendto(b"loot", 0x20000000, address)
            got += 1
        except OSError:
            pass
print(got)
"""


@dataclass(frozen=True)
class _Ear:
    """A socket of this machine that somebody outside the jail listens to."""

    socket: socket.socket
    detail: dict[str, str]

    @property
    def place(self) -> tuple[int, int, object]:
        """What a payload needs to reach it."""
        name = self.socket.getsockname()
        return int(self.socket.family), int(self.socket.type), name

    def heard(self) -> bool:
        """Whether anything has come since the last time."""
        try:
            if self.socket.type == socket.SOCK_STREAM:
                self.socket.accept()[0].close()
            else:
                self.socket.recv(16)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def _ears(folder: Path) -> Iterator[list[_Ear]]:
    """Both loopbacks, by stream and datagram; a unix socket in a folder, and an abstract one."""
    path = str(folder / "ear")
    wanted: tuple[tuple[int, int, object], ...] = (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
        (socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, path),
        (socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{path}"),
    )
    with contextlib.ExitStack() as held:
        ears = []
        for family, kind, name in wanted:
            listening = held.enter_context(socket.socket(family, kind))
            listening.bind(name)  # type: ignore[arg-type]
            listening.setblocking(False)
            if kind == socket.SOCK_STREAM:
                listening.listen()
            ears.append(_Ear(listening, _detail(listening.getsockname())))
        yield ears


def _detail(name: object) -> dict[str, str]:
    if isinstance(name, tuple):
        return {"address": str(name[0]), "port": str(name[1])}
    text = name.decode() if isinstance(name, bytes) else str(name)
    return {"path": text.replace("\0", "@")}


def _speak(ear: _Ear) -> None:
    """What the payload tries, from outside the jail: the ear does hear."""
    family, kind, name = ear.place
    with socket.socket(family, kind) as speaking:
        speaking.connect(name)  # type: ignore[arg-type]
        speaking.send(b"loot")


def _outside(bench: Bench) -> Evidence:
    with _ears(bench.folder()) as ears:
        for ear in ears:
            _speak(ear)
            assert ear.heard(), ear.place
            assert not ear.heard(), ear.place
        report = bench.load(_PAYLOAD.format(places=[ear.place for ear in ears]))
        assert [ear.place for ear in ears if ear.heard()] == []
    assert dict(row[:2] for row in report.dynamic.printed) == {"loader stdout": "0\n"}
    for ear in ears:
        for kind in ("net.connect", "net.send"):
            assert any(holds(event, kind, ear.detail) for event in report.dynamic.events), (kind, ear.detail)
    return Evidence(
        f"{len(ears)} listeners on the host (TCP and UDP on 127.0.0.1 and ::1, unix by path and by name) heard nothing",
        "a net.connect and a net.send event for each, with its address and port or path",
    )


_CALLERS = ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "SSH_AUTH_SOCK", "CI", "GITHUB_TOKEN", "PYTHONSTARTUP")


def _variables(bench: Bench) -> Evidence:
    marked = dict.fromkeys(_CALLERS, "http://caller.invalid:3128")
    with mock.patch.dict(os.environ, marked):
        report = bench.load("import os\nfor pair in sorted(os.environ.items()): print(*pair)")
    said = "".join(text for _, text, _ in report.dynamic.printed)
    assert "HOME /home/user" in said
    assert "caller.invalid" not in said
    found = [row.rule for row in report.findings if row.rule == "decoy.printed"]
    assert found
    return Evidence(f"none of the caller's {len(_CALLERS)} marked variables is in the jail", f"finding {found[0]}")


CASES = (
    Case("59", "Whoever listens on this machine", _outside),
    Case("70", "Proxies and tokens in the caller's environment", _variables),
)
