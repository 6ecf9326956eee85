"""The inputs to begin with: recorded from real jails, and every input that once broke something."""

from __future__ import annotations

from bench.fuzz.conversation import Conversation
from bench.measure import ROOT

FOLDER = ROOT / "tests" / "untrusted" / "corpus"


def read(name: str) -> dict[str, bytes]:
    """The inputs of that folder by their names. Streams are also those of the conversations."""
    found = {path.name: path.read_bytes() for path in sorted((FOLDER / name).glob("*.bin"))}
    if name == "session":
        found |= {f"of-{key}": Conversation.parse(raw).stream for key, raw in read("conversation").items()}
    return found
