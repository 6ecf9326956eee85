"""pip, run as a child with the user's own configuration, and its failures as one sentence each."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox import messages
from sandbox.jail.interface import Progress

# How often a long download says how far it is.
REPORT_SECONDS = 5.0
JAIL_INTERPRETER = "/usr/bin/python3"

# What of the user's configuration would contradict our own arguments.
_SETTINGS = {
    "PIP_USER": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
}

# pip's words -> which of our messages. The first row that matches counts.
_FAILURES = (
    (r"DO NOT MATCH THE HASHES", "pip.digest"),
    (r"No space left on device", "pip.space"),
    (r"Permission denied", "pip.permission"),
    (
        r"NewConnectionError|NameResolution|name resolution|Max retries|timed out|ConnectionError|ProxyError",
        "pip.network",
    ),
)
_NOT_FOUND = re.compile(r"No matching distribution|Could not find a version")


class _NotFoundError(Exception):
    """No index and no folder that pip knows has the wheel."""


class Pip:
    """pip with the options that every run needs. `held_fd` stays open in each child."""

    def __init__(self, python: str, extra_index: str, held_fd: int, wheels: Path | None, offline: bool) -> None:
        if importlib.util.find_spec("pip") is None:
            raise messages.error("pip.missing", python=sys.executable)
        if wheels and not wheels.is_dir():
            raise messages.error("wheels", folder=wheels)
        self._python = python
        self._extra_index = extra_index
        self._held_fd = held_fd
        self._offline = offline
        self._sources = ["--find-links", str(wheels.resolve())] if wheels else []
        self._sources += ["--no-index"] if offline else []

    def download(self, package: str, requirement: Path, into: Path, scratch: Path, progress: Progress) -> None:
        """Fetch one package's wheel. Raises HostError."""
        command = ["download", "--dest", str(into), *self._sources]
        # The extra index comes second: a user's own is asked first, and a machine without network fails soon.
        extras = [[]] if self._offline else [[], ["--extra-index-url", self._extra_index]]
        for extra in extras:
            try:
                return self._run([*command, *extra], requirement, scratch, _growth(scratch, package, progress))
            except _NotFoundError:
                continue
        if self._offline:
            raise messages.error("pip.no_wheel", package=package)
        raise messages.error("pip.not_found", package=package)

    def install(self, lock: Path, wheels: Path, target: Path, scratch: Path) -> None:
        """Unpack the lock's wheels into a new folder. Opens no network."""
        sources = ["--no-index", "--find-links", str(wheels)]
        self._run(["install", "--no-compile", "--target", str(target), *sources], lock, scratch, lambda: None)

    def _run(self, command: Sequence[str], requirements: Path, scratch: Path, tick: Callable[[], None]) -> None:
        only = ["--no-deps", "--only-binary", ":all:", "--python-version", self._python]
        hashed = ["--require-hashes", "--requirement", str(requirements)]
        code, words = run(
            [sys.executable, "-m", "pip", *command, "--quiet", *only, *hashed],
            variables={**_SETTINGS, "TMPDIR": str(scratch)},
            keep_open=(self._held_fd,),
            errors=scratch / "errors.txt",
            tick=tick,
        )
        if code:
            raise _failure(words)


def interpreter(version: str) -> str:
    """A Python of that version here, the jail's own first; "" when there is none."""
    for candidate in (JAIL_INTERPRETER, sys.executable):
        try:
            done = subprocess.run([candidate, "-I", "-V"], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.stdout.startswith(f"Python {version}."):
            return candidate
    return ""


def run(
    command: Sequence[str],
    *,
    variables: dict[str, str] | None = None,
    keep_open: tuple[int, ...] = (),
    errors: Path = Path(os.devnull),
    tick: Callable[[], None] = lambda: None,
) -> tuple[int, str]:
    """Run a program to its end: its exit code, and what it wrote to standard error. It dies with an exception here."""
    with errors.open("w+b") as sink:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sink,
            env={**os.environ, **(variables or {})},
            pass_fds=keep_open,
            umask=0o022,
        )
        try:
            while True:
                try:
                    code = child.wait(REPORT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            child.kill()
            child.wait()
            raise
        sink.seek(0)
        return code, sink.read().decode("utf-8", "replace")


def _growth(scratch: Path, label: str, progress: Progress) -> Callable[[], None]:
    """Says how much of a download has arrived; pip keeps it in its temporary folder until it is whole."""

    def tick() -> None:
        arrived = sum(path.stat().st_size for path in scratch.rglob("*.whl") if path.is_file())
        progress(f"fetching {label}: {arrived >> 20} MiB")

    return tick


def _failure(words: str) -> Exception:
    for pattern, key in _FAILURES:
        if re.search(pattern, words):
            return messages.error(key)
    if _NOT_FOUND.search(words):
        return _NotFoundError(words)
    lines = [line for line in words.splitlines() if line.startswith("ERROR:")] or words.splitlines() or ["no reason"]
    return messages.error("pip.failed", why=lines[-1].removeprefix("ERROR: "))
