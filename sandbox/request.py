"""What can be asked of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import messages
from sandbox.jail import family
from sandbox.policy import PERSONA
from sandbox.weights.arrangement import KEEP, Choices


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class Request:
    """What to evaluate, and how. Sizes in bytes, times in seconds; None: the policy's own."""

    path: Path
    output: str | Path | None = None  # None: beside the model, <stem>.safetensors
    write: bool = True
    force: bool = False
    policy: str = "evaluate"
    persona: str = PERSONA
    rules: Sequence[Path] = ()  # files of a user's own
    jail: str = family.AUTO
    runtime: str | None = None
    sha256: str | None = None
    static: bool = False
    salvage: bool = False
    allow_returned: bool = False
    strip_prefix: str = ""
    select: Sequence[str] = ()  # patterns of names
    exclude: Sequence[str] = ()
    tied: str = KEEP
    shard_size: int | None = None
    split_optimizer: bool = False
    timeout: float | None = None
    linger: float | None = None
    exercise: bool = False  # touch the loaded object after the load
    clock: float = 0.0  # how far the load's clock is off
    memory: int | None = None
    evidence: str | Path | None = None  # a new folder for what the load said, left and ran
    progress: Callable[[str], None] = field(default=_silent, compare=False)
    copied: Callable[[int], None] | None = field(default=None, compare=False)  # bytes of output that stand

    def refuse_contradictions(self) -> None:
        """What is asked of a load that isn't to be would be ignored in silence. Raises CallerError."""
        asked = {"--linger": self.linger is not None, "--exercise": self.exercise, "--clock": self.clock != 0}
        for option, is_asked in asked.items():
            if self.static and is_asked:
                raise messages.error("static.load", option=option)
        shaped = {
            "--select": bool(self.select),
            "--exclude": bool(self.exclude),
            "--tied": self.tied != KEEP,
            "--shard-size": self.shard_size is not None,
            "--split-optimizer": self.split_optimizer,
        }
        for option, is_asked in shaped.items():
            if is_asked and not self.write:
                raise messages.error("output.unwanted", option=option)

    def choices(self) -> Choices:
        """What the output is to hold."""
        return Choices(
            self.strip_prefix,
            tuple(self.select),
            tuple(self.exclude),
            self.tied,
            self.shard_size,
            self.split_optimizer,
        )
