"""What is fuzzed: for each target how an input is made from others, and what must hold when it is taken.

`run` gives a short word of what became of the input: inputs that lead to a new one are changed further. What it raises
is a find.
"""

from __future__ import annotations

import random
import struct
import tempfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import safetensors

from bench.fuzz import damage, flood, frames, mutations, pickles, readings
from bench.fuzz.checks import page, plain, require, strict_json
from bench.fuzz.conversation import Conversation, evaluate
from sandbox.errors import CallerError, HostError, HostileError, ProtocolError
from sandbox.facts import Exit, Report
from sandbox.jail.docker_run import STDERR_KEPT, Demultiplexer
from sandbox.report.renderers import RENDERERS
from sandbox.report.text import text
from sandbox.untrusted.session import Session
from sandbox.verification import check
from sandbox.weights.header import ALIGNMENT, strict_header
from sandbox.weights.verify import verify

_MEMORY = Path("/dev/shm")  # a file system that no flush waits for, where there is one
_SEAL_SIZE = len('"sha256": "') + 64 + len('"\n}\n')
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Target:
    """`corpus`: the folder its first inputs stand in. `make`: chance and the pool -> a new input."""

    name: str
    corpus: str
    make: Callable[[random.Random, Sequence[bytes]], bytes]
    run: Callable[[bytes, Path], Hashable]


def new_folder(prefix: str = "fuzz-") -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=prefix, dir=_MEMORY if _MEMORY.is_dir() else None)


def _library(raw: bytes) -> list[tuple[str, dict[str, Any]]]:
    """What the official library reads; it raises what it doesn't take."""
    read: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(raw)  # type: ignore[no-untyped-call]
    return read


def _shown(report: Report) -> None:
    for verbose in range(3):
        page(text(report, verbose=verbose))
    for name, render in RENDERERS.items():
        (strict_json if name == "json" else plain)(render(report))


def _released(report: Report) -> None:
    """What came out is a file that others read as we do, and that its manifest proves."""
    if not report.outputs:
        return
    weights = Path(report.outputs[0].path)
    result = verify(weights, Path(report.input.path))
    require(result.exit_code == Exit.QUIET, f"what was released doesn't verify: {result.mismatches[:3]}")
    _library(weights.read_bytes())
    for output in report.outputs[1:]:
        raw = Path(output.path).read_bytes()
        require(raw.isascii() and sha256(raw).hexdigest() == output.sha256, f"the {output.kind} is not what was told")


def _conversation(raw: bytes, folder: Path) -> Hashable:
    """Nothing may escape: what a hostile guest says is judged."""
    report, request = evaluate(Conversation.parse(raw), folder)
    _shown(report)
    _released(report)
    leftover = {path.name for path in folder.iterdir()} - {Path(output.path).name for output in report.outputs}
    require(leftover == {request.path.name}, f"left behind: {sorted(leftover)}")
    rules = tuple(sorted(finding.rule for finding in report.findings))
    return report.verdict, rules, report.not_written[:20], report.dynamic.ended


def _flood(raw: bytes, folder: Path) -> Hashable:
    return _conversation(flood.conversation(raw), folder)


def _session(raw: bytes, _folder: Path) -> Hashable:
    """One exception may escape; what was whole before it stands."""
    session = Session()
    said = ""
    try:
        for piece in (raw[:7], raw[7:]):
            for _ in session.feed(piece):
                pass
    except ProtocolError as error:
        said = error.happened[:40]
        plain(str(error))
    static, dynamic = session.static(), session.dynamic(asked=True)
    return session.phase, said, len(static.globals) > 0, len(dynamic.events) > 0


def _reference(raw: bytes) -> tuple[bytes, bytes] | None:
    """What the stream of an engine holds, read all at once; None when it is not one."""
    out = {1: b"", 2: b""}
    while len(raw) >= 8:
        if raw[0] not in out or any(raw[1:4]):
            return None
        length = int.from_bytes(raw[4:8], "big")
        out[raw[0]] += raw[8 : 8 + length]
        raw = raw[8 + length :]
    return out[1], out[2]


def _demultiplexed(raw: bytes, _folder: Path) -> Hashable:
    """The same bytes in any pieces give the same output, or HostError."""
    wanted = _reference(raw)
    for step in (1, 7, 8, 4096, 1 << 20):
        demultiplexer = Demultiplexer()
        try:
            out = b"".join(demultiplexer.feed(raw[at : at + step]) for at in range(0, len(raw), step))
        except HostError:
            require(wanted is None, "a sound stream was refused")
            continue
        require(wanted is not None and out == wanted[0], "another output than the stream holds")
        require(wanted is not None and demultiplexer.stderr == wanted[1][-STDERR_KEPT:], "another error output")
    return wanted is None, wanted is not None and len(wanted[0]).bit_length()


def sealed(body: bytes) -> bytes:
    """A manifest whose seal is right, whatever it seals."""
    return body + b'"sha256": "%s"\n}\n' % sha256(body).hexdigest().encode("ascii")


def _verified(raw: bytes, folder: Path) -> Hashable:
    """`sandbox-load verify` on a source, an output and a manifest of somebody's; CallerError may escape."""
    source, output, manifest = unpack(raw)
    names = ("model.pt", "out\x1b[2J.safetensors", "out\x1b[2J.manifest.json")
    for name, content in zip(names, (source, output, manifest), strict=True):
        (folder / name).write_bytes(content)
    try:
        checked = check(folder / names[1], folder / names[0], replan=False, jail="auto")
    except CallerError as error:
        plain(str(error))
        return str(error)[:40]
    plain(checked.text)
    return checked.exit_code, checked.text.count("wrong:"), checked.text.splitlines()[1][:60]


_PARTS = struct.Struct(">II")


def packed(source: bytes, output: bytes, manifest: bytes) -> bytes:
    return _PARTS.pack(len(source), len(output)) + source + output + manifest


def unpack(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Every bytes object is three."""
    first, second = _PARTS.unpack(raw[: _PARTS.size].ljust(_PARTS.size, b"\0"))
    rest = raw[_PARTS.size :]
    return rest[:first], rest[first:][:second], rest[first:][second:]


def _header(raw: bytes, folder: Path) -> Hashable:
    """HostileError may escape; what is accepted the official library reads alike."""
    path = folder / "x.safetensors"
    path.write_bytes(raw)
    try:
        with path.open("rb") as opened:
            header = strict_header(opened.fileno())
    except HostileError as error:
        plain(str(error))
        return str(error)[:40]
    theirs = {name: (row["dtype"], tuple(row["shape"]), len(row["data"])) for name, row in _library(raw)}
    ours = {entry.name: (entry.dtype, entry.shape, entry.end - entry.begin) for entry in header.entries}
    require(ours.keys() == theirs.keys(), "the library sees other names")
    for name, (dtype, shape, size) in ours.items():
        require((shape, size) == theirs[name][1:], f"the library sees {theirs[name]} for {dtype} {shape} {size}")
    return len(ours), len(header.metadata)


def _make_conversation(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    one, other = (Conversation.parse(mutations.pick(chance, pool)) for _ in range(2))
    if chance.random() < 0.1:
        one = replace(one, flags=chance.randrange(256))
    if chance.random() < 0.05:
        one = replace(one, model=mutations.flipped(chance, one.model))
    return replace(one, stream=mutations.stream(chance, one.stream, other.stream, one.model)).pack()


def _make_order(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """A conversation that keeps to the rules, so that what it says is looked at to the end."""
    model = Conversation.parse(mutations.pick(chance, pool)).model
    said = frames.random_stream(chance)
    if chance.random() < 0.8:
        said = frames.repaired(said, model)
    return Conversation(chance.randrange(256), model, frames.join(said)).pack()


def _make_session(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    one, other = mutations.pick(chance, pool), mutations.pick(chance, pool)
    return mutations.stream(chance, one, other, b"")


def _make_bytes(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    one, other = mutations.pick(chance, pool), mutations.pick(chance, pool)
    return mutations.spliced(chance, one, other) if chance.random() < 0.2 else mutations.flipped(chance, one)


def _make_verified(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    source, output, manifest = unpack(mutations.pick(chance, pool))
    act = chance.random()
    if act < 0.1:
        return packed(mutations.flipped(chance, source), output, manifest)
    if act < 0.3:
        return packed(source, _changed_header(chance, output), manifest)
    if act < 0.35:
        return packed(source, output, mutations.flipped(chance, manifest))
    whole = mutations.json_text(chance, manifest)
    body = whole[:-_SEAL_SIZE] if chance.random() < 0.3 else _body(whole)
    return packed(source, output, sealed(body))


def _body(whole: bytes) -> bytes:
    """All but the seal, in the form in which manifests are written."""
    front = whole.rpartition(b', "sha256": ')[0]
    return b"{\n" + front.removeprefix(b"{") + b",\n"


def _changed_header(chance: random.Random, raw: bytes) -> bytes:
    """Another header, with its length and padding put right most of the time."""
    if len(raw) < _LENGTH.size or chance.random() < 0.1:
        return mutations.flipped(chance, raw)
    length = min(_LENGTH.unpack_from(raw)[0], len(raw))
    header = mutations.json_text(chance, raw[_LENGTH.size : _LENGTH.size + length].rstrip())
    if chance.random() < 0.9:
        header += b" " * (-len(header) % ALIGNMENT)
    return _LENGTH.pack(len(header)) + header + raw[_LENGTH.size + length :]


def _make_header(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    return _changed_header(chance, mutations.pick(chance, pool))


def _make_pickle(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """A program of the generator's or of the pool's: as it is, or damaged."""
    ops = damage.split(mutations.pick(chance, pool)) if chance.random() < 0.3 else []
    ops = ops or pickles.program(chance, chance.randrange(6))
    return damage.damaged(chance, ops) if chance.random() < 0.8 else pickles.pack(ops)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("conversation", "conversation", _make_conversation, _conversation),
        Target("order", "conversation", _make_order, _conversation),
        Target("flood", "flood", flood.recipe, _flood),
        Target("session", "session", _make_session, _session),
        Target("demultiplexer", "demultiplexer", _make_bytes, _demultiplexed),
        Target("verify", "verify", _make_verified, _verified),
        Target("header", "header", _make_header, _header),
        Target("pickle", "pickle", _make_pickle, readings.pickled),
    )
}
