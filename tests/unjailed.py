"""A conversion without a jail: the guest's reader and loader run in this process, and what they say is replayed into
the real controller. For benign files of our own making only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import wire
from guest.load import loaders, witness
from guest.load.place import Place

from bench.fuzz import conversation, corpus
from bench.fuzz.conversation import LOAD, Conversation
from bench.fuzz.frames import Frame, join, split
from sandbox.facts import Report
from sandbox.untrusted.wire import Kind
from tests.guest.readers.reading_results import frames_of

BUDGET = 1 << 30  # bytes of tensors that the witness looks at


def load(path: Path) -> Any:
    """As the jail loads it; the format is the reader's."""
    said = [
        wire.decode(wire.Kind.FORMAT, payload) for kind, payload in split(frames_of(path))[0] if kind == Kind.FORMAT
    ]
    return loaders.load(next(row.name for row in said if row.primary), Place(str(path)))


def _testimony(path: Path) -> list[Frame]:
    said: list[bytes] = []
    witness.testify(load(path), said.append, None, BUDGET)
    return split(b"".join(said))[0]


def convert(path: Path, folder: Path, *, loaded: bool = True) -> Report:
    """The report; `out.safetensors` and what belongs to it stand in the folder, beside `model.pt`."""
    recorded = split(Conversation.parse(corpus.read("conversation")["clean.bin"]).stream)[0]
    by_kind = {kind: (kind, payload) for kind, payload in recorded}
    frames = [by_kind[Kind.HELLO], *split(frames_of(path))[0], by_kind[Kind.READER_GONE]]
    if loaded:
        frames += [by_kind[Kind.ARMED], by_kind[Kind.LOADED], *_testimony(path), by_kind[Kind.LOADER_GONE]]
    frames.append(by_kind[Kind.END])
    spoken = Conversation(LOAD if loaded else 0, path.read_bytes(), join(frames))
    return conversation.evaluate(spoken, folder)[0]
