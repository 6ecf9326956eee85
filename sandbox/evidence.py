"""The bundle of `--evidence`: what the load said, left and ran, as files for an analyst. Whole or not at all.

Every byte in it is the attacker's. Nothing is opened, unpacked or run; the names are ours, but for digits.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox import messages
from sandbox.errors import EvidenceError
from sandbox.facts import Conversation, Report
from sandbox.report.as_json import as_json, plain
from sandbox.untrusted.scripts import scripts

SCHEMA = "sandbox-load/evidence/1"
FOLDER_MODE = 0o700
FILE_MODE = 0o400  # nobody's to run, and nobody's to change
INDEX, README, REPORT = "index.json", "README.txt", "report.json"

_README = """\
HOSTILE CONTENTS

Everything in these folders was written by an untrusted model file while sandbox-load had it in a jail. Treat it as
live malware: don't run, source, unpack or preview it, and open it only on a machine that is made for that.

index.json      what each file is, where it comes from, its size and SHA-256; and what led to what
report.json     the report of the evaluation
conversations/  what the load sent to the jail's sinkhole, and what it was answered; nothing of it left the jail
files/          files that the load wrote, as they stood when they were kept
scripts/        what was passed to interpreters as an argument, such as after sh -c
tools/          what planted tools were given on their standard input

The files have the names that sandbox-load gave them; the load's own names stand in index.json, with what acts on a
terminal taken out. What is longer than sandbox-load keeps is cut: index.json has both sizes.
"""


@dataclass(frozen=True)
class _File:
    """One file of the bundle. `about`: where it comes from."""

    name: str
    content: bytes
    about: dict[str, Any]


@contextmanager
def place(folder: Path) -> Iterator[Path]:
    """Where a bundle of that name can be written; to be made before anything starts. Unless it is, nothing is left.

    Raises CallerError when there can't be a new folder of that name.
    """
    half = _half_built(folder)
    try:
        yield half
    finally:
        shutil.rmtree(half, ignore_errors=True)  # gone already when all went well


def write(report: Report, half: Path, folder: Path) -> None:
    """The bundle of one evaluation, in the place that was made for it. Raises EvidenceError, with the report."""
    try:
        _fill(half, report)
        _appear(half, folder)
    except OSError as error:
        failure = messages.error("evidence.failed", folder=folder, why=error.strerror or error)
        assert isinstance(failure, EvidenceError)  # as the table of messages has it
        failure.report = report
        raise failure from None


def _half_built(folder: Path) -> Path:
    """A new folder beside it. It first has the name itself: whatever there is against that shows now."""
    try:
        folder.mkdir(FOLDER_MODE)
        return _hidden(folder)
    except FileExistsError:
        raise messages.error("evidence.exists", folder=folder) from None
    except FileNotFoundError:
        raise messages.error("evidence.parent", folder=folder.parent) from None
    except OSError as error:
        raise messages.error("evidence.unusable", folder=folder, why=error.strerror or error) from None


def _hidden(folder: Path) -> Path:
    half = folder.with_name(f".sandbox-load.{secrets.token_hex(8)}")
    try:
        folder.rename(half)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    return half


def _appear(half: Path, folder: Path) -> None:
    """A folder's making, unlike a rename, fails when the name is taken; then an empty one is replaced in one step."""
    try:
        folder.mkdir(FOLDER_MODE)
        half.rename(folder)
    except FileExistsError:
        raise
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    with suppress(OSError):  # it stands there, whole; some file systems don't flush folders
        _sync(folder.absolute().parent)


def _fill(half: Path, report: Report) -> None:
    listed = []
    for file in _files(report):
        (half / file.name).parent.mkdir(FOLDER_MODE, exist_ok=True)
        _put(half / file.name, file.content)
        digest = sha256(file.content).hexdigest()
        listed.append({"file": file.name, "size": len(file.content), "sha256": digest} | file.about)
    _put(half / INDEX, _text(_index(report, listed)))
    _put(half / README, _README.encode("ascii"))
    for place in (*filter(Path.is_dir, half.iterdir()), half):
        _sync(place)


def _put(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(fd, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fchmod(fd, FILE_MODE)
        os.fsync(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _index(report: Report, listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "warning": "every file listed here was written by an untrusted model: treat it as live malware",
        "tool": report.tool,
        "input": report.input,
        "verdict": report.verdict,
        "summary": report.summary,
        "policy": report.policy,
        "files": listed,
        "story": report.story,
        "processes": report.processes,
    }


def _text(value: dict[str, Any]) -> bytes:
    return (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode("ascii")


def _files(report: Report) -> Iterator[_File]:
    yield _File(REPORT, as_json(report).encode("ascii"), {"what": "the report of the evaluation"})
    yield from _conversations(report)
    for number, kept in enumerate(report.dynamic.artifacts, 1):
        about = {"path": kept.path, "why": kept.why, "mode": f"{kept.mode:04o}", "whole_size": kept.size}
        yield _File(f"files/{number:04}.bin", kept.content, {"what": "a file that the load wrote"} | about)
    for number, script in enumerate(scripts(report.dynamic.events), 1):
        about = {"event": script.event, "pid": script.pid, "program": script.program, "cut": script.cut}
        content = script.text.encode("utf-8", "backslashreplace")
        yield _File(f"scripts/{number:04}.txt", content, {"what": "passed to an interpreter"} | about)


def _conversations(report: Report) -> Iterator[_File]:
    """Both directions of each, where anything was said, and what planted tools were given."""
    for number, said in enumerate(report.dynamic.conversations, 1):
        talk = report.talks[number - 1] if number <= len(report.talks) else None
        about = {"conversation": said.id, "pid": said.pid, "at": said.at, "address": said.address, "port": said.port}
        about |= {"name": said.name, "protocol": said.protocol, "summary": talk.summary if talk else ""}
        directions = (("sent", said.sent, said.sent_total), ("answered", said.answered, said.answered_total))
        for direction, content, total in directions:
            if content:
                name = f"conversations/{number:04}-{_where(said)}.{direction}.bin"
                yield _File(name, content, {"what": direction, "whole_size": total} | about)
        if talk and talk.word and talk.word.stdin:
            about = {"conversation": said.id, "pid": said.pid, "tool": talk.word.tool, "argv": talk.word.argv}
            yield _File(f"tools/{number:04}.stdin.bin", talk.word.stdin, {"what": "given to a planted tool"} | about)


def _where(said: Conversation) -> str:
    """tcp-203.0.113.9-80: for a file's name, so of known words and an address's own characters alone."""
    transport = said.transport if said.transport in ("tcp", "udp") else "other"
    try:
        # An IPv6 address may carry a zone, which is any text.
        address = str(ipaddress.ip_address(said.address.partition("%")[0])).replace(":", "_")
    except ValueError:
        address = "unknown"
    return f"{transport}-{address}-{int(said.port)}"
