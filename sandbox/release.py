"""Whether the outputs of an evaluation are released, and how: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import messages
from sandbox.exchange import Outcome
from sandbox.facts import TOOL, Input, Judgement, Label, LeftOut, Output, Tensor, Verdict
from sandbox.weights.arrangement import Arrangement, Choices, Part, arrange, index_name, index_text
from sandbox.weights.group import INDEX, OutputGroup, output_names, output_paths
from sandbox.weights.manifest import Entry, File, Manifest, manifest_text
from sandbox.weights.plan import show
from sandbox.weights.writer import Digests, Target, WeightsWriter

_ON = frozenset({Verdict.CLEAN, Verdict.UNEXECUTED, Verdict.SUSPICIOUS})
_SALVAGE = "--salvage writes the file's own bytes all the same"


def may_write(weights: Path, choices: Choices) -> list[str]:
    """The names that a conversion may take, as far as that is known before the plan."""
    if choices.shard_size is None and not choices.split_optimizer:
        return [path.name for path in output_paths(weights).values()]
    return output_names(weights)


@dataclass
class Release:
    """Where the outputs would go. `group` None: nobody wants any."""

    group: OutputGroup | None
    weights: Path
    choices: Choices
    salvage: bool
    arranged: Arrangement = field(default=Arrangement(()), init=False)  # known once the plan is

    def writer(
        self, plan: Sequence[Tensor], sources: dict[Label, Sequence[int]], progress: Callable[[int], None]
    ) -> WeightsWriter:
        """What fills the files of the weights. Digests are needed for the comparison even where there are none.

        Raises CallerError for choices that the plan doesn't allow, HostError where there is no room.
        """
        if self.group is None:
            return WeightsWriter(plan, sources, (), progress)
        self.arranged = arrange(plan, self.choices, self.weights.name)
        self._refuse_stale()
        self.group.require_space(sum(tensor.nbytes for part in self.arranged.parts for tensor in part.tensors))
        return WeightsWriter(plan, sources, [self._target(self.group, part) for part in self.arranged.parts], progress)

    def _target(self, group: OutputGroup, part: Part) -> Target:
        return Target(group.create(part.name, part.kind), part.tensors, part.metadata)

    def _refuse_stale(self) -> None:
        """What --force doesn't replace, and a reader would take for a part of this conversion. Raises CallerError."""
        ours = {path.name for path in output_paths(self.weights).values()} - {self.weights.name}
        ours |= {part.name for part in self.arranged.parts} | {index_name(base) for base in self._sharded()}
        stale = (self.weights.parent / name for name in may_write(self.weights, self.choices) if name not in ours)
        for path in stale if self.arranged.parts else ():
            if path.exists() or path.is_symlink():
                raise messages.error("output.stale", path=path)

    def _sharded(self) -> dict[str, list[Part]]:
        """The sets that are cut into shards, by the names that they would have in one file."""
        sets: dict[str, list[Part]] = {}
        for part in self.arranged.parts:
            if part.whole:
                sets.setdefault(part.whole, []).append(part)
        return sets

    def write(self, outcome: Outcome, judgement: Judgement, source: Input) -> tuple[tuple[Output, ...], str]:
        """The outputs; and why there are none, as a sentence."""
        why = self._why_not(outcome, judgement)
        if why or self.group is None or outcome.digests is None:
            return (), why
        paths, digests = output_paths(self.weights), outcome.digests
        written = [
            Output(str(self.group.path(part.name)), part.kind, file.size, file.sha256)
            for part, file in zip(self.arranged.parts, digests.files, strict=True)
        ]
        manifest = manifest_text(self._manifest(outcome, digests, source))
        written.append(self.group.write(paths["manifest"].name, "manifest", manifest))
        if outcome.metadata:
            written.append(self.group.write(paths["metadata"].name, "metadata", [outcome.metadata]))
        for base, parts in self._sharded().items():
            shards = {part.name: [(tensor.name, tensor.nbytes) for tensor in part.tensors] for part in parts}
            written.append(self.group.write(index_name(base), INDEX, [index_text(shards)]))
        self.group.commit()
        return tuple(written), ""

    def left_out(self) -> tuple[LeftOut, ...]:
        """Tensors that could have been written, and aren't wanted."""
        dropped = (LeftOut(name, f"the same tensor as {show(kept)}") for name, kept in self.arranged.dropped)
        return (*self.arranged.left_out, *dropped)

    def _manifest(self, outcome: Outcome, digests: Digests, source: Input) -> Manifest:
        inside = self.arranged.indices()
        entries = (Entry(*pair) for pair in zip(outcome.plan, digests.tensors, strict=True))
        files = zip(self.arranged.parts, digests.files, strict=True)
        return Manifest(
            tool=TOOL,
            sources=tuple(File(file.name, file.size, file.sha256) for file in source.files),
            outputs=tuple(File(part.name, file.size, file.sha256) for part, file in files),
            strip_prefix=self.choices.strip_prefix,
            entries=tuple(entry for entry in entries if entry.tensor.index in inside),
            left_out=(*outcome.session.static().left_out, *self.arranged.left_out),
            select=self.choices.select,
            exclude=self.choices.exclude,
            tied=self.choices.tied,
            dropped=self.arranged.dropped,
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
            (not self.arranged.parts, "--select and --exclude leave no tensor"),
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
