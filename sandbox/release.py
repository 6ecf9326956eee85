"""Whether the outputs of an evaluation are released, and how: all of them or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.exchange import Outcome
from sandbox.facts import TOOL, Input, Judgement, Output, Verdict
from sandbox.weights.group import OutputGroup, output_paths
from sandbox.weights.manifest import Entry, File, Manifest, manifest_text
from sandbox.weights.writer import Digests

_ON = frozenset({Verdict.CLEAN, Verdict.UNEXECUTED, Verdict.SUSPICIOUS})
_SALVAGE = "--salvage writes the file's own bytes all the same"


@dataclass(frozen=True)
class Release:
    """Where the outputs would go. `group` None: nobody wants any."""

    group: OutputGroup | None
    weights: Path
    strip_prefix: str
    salvage: bool

    def write(self, outcome: Outcome, judgement: Judgement, source: Input) -> tuple[tuple[Output, ...], str]:
        """The outputs; and why there are none, as a sentence."""
        why = self._why_not(outcome, judgement)
        if why or self.group is None or outcome.digests is None:
            return (), why
        paths, digests = output_paths(self.weights), outcome.digests
        written = [Output(str(paths["weights"]), "weights", digests.size, digests.sha256)]
        manifest = manifest_text(self._manifest(outcome, digests, source))
        written.append(self.group.write(paths["manifest"].name, "manifest", manifest))
        if outcome.metadata:
            written.append(self.group.write(paths["metadata"].name, "metadata", [outcome.metadata]))
        self.group.commit()
        return tuple(written), ""

    def _manifest(self, outcome: Outcome, digests: Digests, source: Input) -> Manifest:
        return Manifest(
            tool=TOOL,
            sources=tuple(File(file.name, file.size, file.sha256) for file in source.files),
            output=File(self.weights.name, digests.size, digests.sha256),
            strip_prefix=self.strip_prefix,
            entries=tuple(Entry(*pair) for pair in zip(outcome.plan, digests.tensors, strict=True)),
            left_out=outcome.session.static().left_out,
        )

    def _why_not(self, outcome: Outcome, judgement: Judgement) -> str:
        """The first thing that keeps the weights from being written."""
        host, static = outcome.host, outcome.session.static()
        reasons = (
            (self.group is None, "--no-output was given"),
            (bool(host.input_changed), host.input_changed),
            (bool(host.ranges), host.ranges),
            (bool(host.plan), host.plan),
            (not outcome.plan, "the file holds no tensors that can be converted"),
            (outcome.digests is None, "not every tensor's bytes arrived"),
            (
                not static.complete and not self.salvage,
                f"the file was not read to its end, so tensors may be missing; {_SALVAGE}",
            ),
            (
                judgement.verdict not in _ON and not self.salvage,
                f"the verdict is {judgement.verdict}; {_SALVAGE}",
            ),
        )
        return next((why for holds, why in reasons if holds), "")
