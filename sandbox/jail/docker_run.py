"""A started Docker jail: the attached stream, and its end."""

from __future__ import annotations

import select
import time
from contextlib import suppress
from typing import Any

import requests
from docker.errors import NotFound

from sandbox import messages
from sandbox.errors import SandboxError
from sandbox.facts import Limit
from sandbox.jail.docker_flags import JOB_LABEL
from sandbox.jail.engine import Engine, Stream, connect, explained
from sandbox.jail.interface import GRACE_SECONDS, RunningJail
from sandbox.jail.sentry import MemoryWatch, Sentry

# Of PID 1's standard error, its last words.
STDERR_KEPT = 4096
# The engine removes a container after its end; deleting its layer can take a while on a busy disk.
REMOVAL_SECONDS = 30.0
# PID 1 that takes no byte of its order for so long is not going to.
WRITE_SECONDS = 30.0
_RECEIVED = 1 << 18  # bytes in one go; less than the 1 MiB that `read` promises at most
_STDOUT, _STDERR = 1, 2
_HEADER = 8
_KILLED = 137


class Demultiplexer:
    """The engine's stream of stdout and stderr: one byte of stream, three zeros, a big-endian length, the bytes.

    Holds at most an unfinished header, and the last words of standard error.
    """

    def __init__(self) -> None:
        self.stderr = b""
        self._header = b""
        self._stream = 0
        self._remaining = 0

    def feed(self, received: bytes) -> bytes:
        """The standard output among these bytes. Raises HostError when they aren't such a stream."""
        out = []
        at = 0
        while at < len(received):
            if not self._remaining:
                at += self._take_header(received, at)
                continue
            piece = received[at : at + self._remaining]
            at += len(piece)
            self._remaining -= len(piece)
            if self._stream == _STDOUT:
                out.append(piece)
            else:
                self.stderr = (self.stderr + piece)[-STDERR_KEPT:]
        return b"".join(out)

    def _take_header(self, received: bytes, at: int) -> int:
        taken = received[at : at + _HEADER - len(self._header)]
        self._header += taken
        if len(self._header) == _HEADER:
            self._stream, self._remaining = self._header[0], int.from_bytes(self._header[4:], "big")
            if self._stream not in (_STDOUT, _STDERR) or any(self._header[1:4]):
                raise messages.error("docker.stream")
            self._header = b""
        return len(taken)


def kill(engine: Engine, identity: str, sentry: Sentry | None) -> None:
    """Past the engine where that may be done: its kill asks the Sentry for help, which may hang."""
    if not (sentry and sentry.kill()):
        engine.kill(identity)


def watched(engine: Engine, identity: str, most: int) -> MemoryWatch:
    """A watch over the memory of a gVisor jail that was just started, which ends it above that many bytes."""

    def end() -> None:
        # By a connection of its own, since this runs in a thread. What fails is tried again at the next sample.
        with suppress(SandboxError), explained("ending the jail"), connect(engine.url) as own:
            kill(own, identity, sentry)

    sentry = Sentry(engine.main_process(identity), identity)
    return MemoryWatch(sentry, most, end)


class RunningDocker(RunningJail):
    """Owns the connection, the stream and the container."""

    def __init__(
        self,
        engine: Engine,
        identity: str,
        job: str,
        stream: Stream,
        limits: tuple[Limit, ...],
        watch: MemoryWatch | None = None,
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._label = f"{JOB_LABEL}={job}"
        self._stream = stream
        self._limits = limits
        self._watch = watch
        self._demultiplexer = Demultiplexer()
        self._started = time.time()
        self._at_end = False
        self._ended = ""
        self._stopped = False

    def limits(self) -> tuple[Limit, ...]:
        return self._limits

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        if self._stopped:
            raise messages.error("docker.gone")
        try:
            while left:
                if not self._wait(select.POLLOUT, WRITE_SECONDS):
                    raise messages.error("docker.stuck")
                left = left[self._stream.socket.send(left) :]
        except OSError as error:
            raise messages.error("docker.gone") from error

    def read(self, timeout: float) -> bytes:
        until = time.monotonic() + timeout
        while True:
            if not self._wait(select.POLLIN, max(0.0, until - time.monotonic())):
                raise TimeoutError
            try:
                received = self._stream.socket.recv(_RECEIVED)
            except BlockingIOError:
                continue
            except ConnectionError:
                received = b""
            self._at_end = not received
            out = self._demultiplexer.feed(received)
            if out or self._at_end:
                return out
            if time.monotonic() > until:  # there is always something to read when PID 1 floods standard error
                raise TimeoutError

    def stop(self) -> str:
        if self._stopped:
            return self._ended
        try:
            with explained("ending the jail"):
                self._ended = self._end()
        except SandboxError:
            self._stopped = True  # trying once more would take as long again
            raise
        self._stopped = True
        return self._ended

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self._watch:
                self._watch.stop()
            self._stream.close()
            self._engine.api.close()

    def _wait(self, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._stream.socket, event)
        return bool(poll.poll(int(seconds * 1000) + 1))

    def _end(self) -> str:
        """Kill, wait until it is removed, and only then ask the engine what it recorded."""
        # At the end of its output it is ending by itself, though the engine may call it running for a moment yet.
        running = not self._at_end and self._running()
        # First, since the engine's kill waits until all output was taken.
        self._stream.close()
        if running:
            kill(self._engine, self._identity, self._watch.sentry if self._watch else None)
        self._wait_for_removal()
        reached = self._watch.stop() if self._watch else ""
        if reached:
            return reached
        memory, code = self._recorded()
        if memory:
            return "the kernel killed a process in the jail because it had used up its memory limit"
        if running or code == 0:
            return ""
        why = "was killed" if code == _KILLED else f"ended with status {code}"
        words = self._demultiplexer.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        said = "".join(char if char.isprintable() else "?" for char in words)[-300:]
        return f"PID 1 of the jail {why}" + (f": {said}" if said else "")

    def _running(self) -> bool:
        try:
            return bool(self._engine.api.inspect_container(self._identity)["State"]["Running"])
        except NotFound:
            return False

    def _wait_for_removal(self) -> None:
        start = time.monotonic()
        pause = 0.01
        while self._engine.containers(self._label):
            waited = time.monotonic() - start
            if waited > REMOVAL_SECONDS:
                raise self._leftover()
            if waited > GRACE_SECONDS:
                # A runtime that hangs holds this up, too.
                with suppress(requests.Timeout), self._engine.patience(REMOVAL_SECONDS - GRACE_SECONDS):
                    self._engine.remove_container(self._identity)
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    def _leftover(self) -> SandboxError:
        container = self._identity[:12]
        if self._watch:
            return messages.error("gvisor.leftover", container=container, pid=self._watch.sentry.pid)
        return messages.error("docker.leftover", container=container)

    def _recorded(self) -> tuple[bool, int]:
        """Whether memory ran out, and PID 1's exit status, from the engine's own record of the container."""
        query = {"container": self._identity, "event": ["oom", "die"]}
        until = time.time()  # not later: the engine would wait for it
        with_memory, code = False, 0
        events = self._engine.api.events(since=int(self._started) - 1, until=until, filters=query, decode=True)
        for event in events:
            attributes: dict[str, Any] = event.get("Actor", {}).get("Attributes", {})
            with_memory |= event.get("Action") == "oom"
            code = int(attributes.get("exitCode", code))
        return with_memory, code
