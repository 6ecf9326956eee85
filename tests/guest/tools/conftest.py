"""What the tests of the tools share: small servers on the loopback, and a tool's start in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
# The start of the script, with another address to tell. Nothing of these tests leaves the machine.
PROGRAM = """
import sys
sys.path.insert(0, {images!r})
from guest.tools.start import main
sys.exit(main(sys.argv[2:], ("127.0.0.1", int(sys.argv[1]))))
"""


@dataclass
class Server:
    """Takes connections one after another, gives each the answer, and keeps what each said."""

    answer: bytes = b""
    greeting: bytes = b""
    heard: list[bytes] = field(default_factory=list)
    expected: int = 0  # bytes to wait for before the answer; 0: a request's head and its Content-Length

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def said(self) -> list[bytes]:
        """What was heard; a client may end before its last words are."""
        until = time.monotonic() + 10
        while not self.heard and time.monotonic() < until:
            time.sleep(0.001)
        return self.heard

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        got = b""
        try:
            connection.sendall(self.greeting)
            while not self._whole(got):
                piece = connection.recv(1 << 16)
                got += piece
                if not piece:
                    break
        except OSError:
            pass
        self.heard.append(got)  # before the answer: whoever has that may look
        with suppress(OSError):
            connection.sendall(self.answer)

    def _whole(self, got: bytes) -> bool:
        if self.expected:
            return len(got) >= self.expected
        head, found, body = got.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return bool(found) and len(body) >= int(lengths[0] if lengths else 0)


@dataclass
class Ended:
    """How a tool ended. `told`: its own account."""

    code: int
    out: str
    err: str
    told: dict[str, Any]


Run = Callable[..., Ended]


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def serve(answer: bytes = b"", **options: Any) -> Server:
        servers.append(Server(answer, **options))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def web(serving: Callable[..., Server]) -> Server:
    """Answers every request in the same way."""
    return serving(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")


@pytest.fixture
def run(serving: Callable[..., Server], tmp_path: Path) -> Run:
    """Start a tool by its name in an empty folder, with nothing or these bytes piped in."""
    listener = serving(expected=1 << 20)

    def start(name: str, *arguments: str, given: bytes | None = None, **variables: str) -> Ended:
        program = PROGRAM.format(images=str(ROOT / "images"))
        command = [sys.executable, "-IBS", "-c", program, str(listener.port), f"/usr/bin/{name}", *arguments]
        standard: dict[str, Any] = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]} | variables
        before = len(listener.heard)
        done = subprocess.run(
            command, **standard, capture_output=True, cwd=tmp_path, env=environment, timeout=30, check=False
        )
        until = time.monotonic() + 10
        while len(listener.heard) == before and time.monotonic() < until:
            time.sleep(0.001)  # the account has been sent, and is being read
        out, err = (words.decode("utf-8", "surrogateescape") for words in (done.stdout, done.stderr))
        return Ended(done.returncode, out, err, json.loads(listener.heard[-1]))

    return start


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of the loopback where nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
