"""One evaluation, from the user's path to the report."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox import evidence as bundled
from sandbox import messages, rulebook
from sandbox.bundle import Bundle, find
from sandbox.exchange import Exchange, Outcome
from sandbox.facts import (
    TOOL,
    Comparison,
    DynamicFacts,
    Evidence,
    Input,
    InputFile,
    JailFacts,
    Label,
    Report,
    Tensor,
    TensorCount,
)
from sandbox.inside import everywhere, read_back
from sandbox.jail import bytecode, family
from sandbox.jail.interface import HOME, Jail, JailSpec, Limits, Mounted, Readiness
from sandbox.jail.layers import Layer, having, layers
from sandbox.judge.comparison import compare
from sandbox.judge.dynamic import classes
from sandbox.judge.rules import Rules
from sandbox.judge.story import account
from sandbox.judge.verdict import judge
from sandbox.order import Asked, limits_for, order, total_cap, variables, wall_seconds
from sandbox.planted import Secrets
from sandbox.policy import Policy, load
from sandbox.release import Release, may_write
from sandbox.request import Request
from sandbox.rulebook import Book
from sandbox.scratch import scratch
from sandbox.stage import Staged, StagedFile, stage
from sandbox.untrusted.talk import understand
from sandbox.weights.group import OutputGroup, refuse_existing
from sandbox.weights.names import stripped
from sandbox.weights.plan import Caps
from sandbox.weights.writer import WeightsWriter

NOBODY = 65534


def evaluate(model: Request | str | Path, **options: Any) -> Report:
    """Evaluate a file, or a folder of files; `options` are `Request`'s, which may also be given whole.

    Raises CallerError or HostError when nothing could be judged; a hostile file is judged, never raised. An
    EvidenceError comes afterwards and has the report.
    """
    started = time.monotonic()
    request = replace(model, **options) if isinstance(model, Request) else Request(Path(model), **options)
    request.refuse_contradictions()
    bundle = find()
    policy = load(request.policy, bundle.configs, request.persona)
    with ExitStack() as held:
        keep = _keeper(request, held)
        staged = held.enter_context(stage(request.path, policy.folder))
        weights = Path(request.output or _beside(request.path, staged))
        group = None
        if request.write:
            if staged.holds(weights.parent):
                raise messages.error("output.inside", path=weights)
            names = may_write(weights, request.choices())
            sources = [os.fstat(file.fd) for file in staged.files]
            refuse_existing(weights.parent, names, force=request.force, sources=sources)
            group = held.enter_context(OutputGroup(weights.parent, force=request.force))
        _check_digest(request, staged)
        limits = limits_for(policy, staged, request.memory)
        jail, ready = family.choose(request.jail, request.runtime, request.progress)
        release = Release(group, weights, request.choices(), salvage=request.salvage)
        run = _Run(request, policy, bundle, staged, jail, ready, limits, release)
        report = run.report(held, started)
        keep(report)
        return report


def _keeper(request: Request, held: ExitStack) -> Callable[[Report], None]:
    """What writes the evidence, if that is wanted. Its place is made before anything starts."""
    if request.evidence is None:
        return lambda _report: None
    folder = Path(request.evidence)
    half = held.enter_context(bundled.place(folder))
    return lambda report: bundled.write(report, half, folder)


def _check_digest(request: Request, staged: Staged) -> None:
    """--sha256 is checked before anything starts; otherwise the digest is taken meanwhile."""
    if request.sha256 is None:
        staged.start_digest()
    elif staged.sha256() != request.sha256.lower():
        raise messages.error("input.digest")


@dataclass
class _Run:
    """One evaluation whose jail is chosen."""

    request: Request
    policy: Policy
    bundle: Bundle
    staged: Staged
    jail: Jail
    ready: Readiness
    limits: Limits
    release: Release

    @cached_property
    def layers(self) -> dict[Layer, Mounted | None]:
        """Every layer there is, and what of it the jail gets: a load has all that is prepared, a reading none."""
        load = not self.request.static
        return {layer: layer.mounted() if load else None for layer in layers(self.bundle)}

    @cached_property
    def book(self) -> Book:
        """Read while the jail starts, once: the tables take some thirty milliseconds."""
        return rulebook.read(self.bundle, self.request.rules)

    @property
    def rules(self) -> Rules:
        return self.book.rules

    def report(self, held: ExitStack, started: float) -> Report:
        request, staged = self.request, self.staged
        asked = self._asked()
        if request.rules:
            _ = self.book  # a user's own may be wrong, which is to be said before anything starts
        planted = Secrets(self.policy.persona)
        spec, code_digest, copied = held.enter_context(self._specification(planted.hostname))
        request.progress(f"reading {staged.path.name} in the {self.jail.name} jail")
        exchange = held.enter_context(self._exchange(self.jail.promises(spec)))
        with self.jail.start(spec) as running:
            told = order(self.policy, staged, self.jail, spec, planted, asked, classes(self.rules))
            exchange.run(running, told, asked.wall)
            jail_ended = running.stop()
            limits = (*running.limits(), *everywhere(spec.limits, asked.wall))
        digest = staged.sha256()  # the whole file has been read once more before it is asked whether it changed
        outcome = exchange.outcome(jail_ended)
        hello = outcome.session.hello
        facts = JailFacts(
            name=self.jail.name,
            version=self.ready.version,
            runtime=self.jail.runtime,
            hardening=self.jail.hardening(spec),
            limits=read_back(limits, hello.limits if hello else {}, outcome.session.loader_limits),
            uid=spec.uid,
            code_sha256=code_digest,
            inside=vars(hello) if hello else {},
            layers=tuple(layer.facts() for layer, given in self.layers.items() if given),
        )
        source = self._input(digest, copied=copied)
        evidence = self._evidence(outcome, asked, planted, source)
        report = self._judged(evidence, outcome, facts, source)
        return replace(report, timings=outcome.marks | {"total": round(time.monotonic() - started, 4)})

    def _asked(self) -> Asked:
        request, own = self.request, self.request.linger
        wall = request.timeout or wall_seconds(self.policy, self.staged, own, exercise=request.exercise)
        linger = own or self.policy.limits.linger
        return Asked(not request.static, request.allow_returned, wall, linger, request.exercise, request.clock)

    def _input(self, digest: str, *, copied: bool) -> Input:
        staged = self.staged
        files = tuple(
            InputFile(file.name, file.size, own) for file, own in zip(staged.files, staged.digests(), strict=True)
        )
        own: dict[str, Any] = {"folder": staged.is_folder, "beyond": staged.beyond, "skipped": staged.skipped}
        return Input(str(staged.path), staged.size, digest, staged_copy=copied, files=files, **own)

    def _evidence(self, outcome: Outcome, asked: Asked, planted: Secrets, source: Input) -> Evidence:
        dynamic = self._dynamic(outcome, asked)
        comparison = self._compare(outcome, dynamic)
        static, policy = outcome.session.static(), self.policy
        known = (planted.values, policy.freedoms, planted.places(HOME))
        return Evidence(static, dynamic, comparison, outcome.host, *known, input=source)

    def _judged(self, evidence: Evidence, outcome: Outcome, jail: JailFacts, source: Input) -> Report:
        """The report; the outputs are written on the way, since only now it is known whether they may be."""
        judgement = judge(evidence, self.rules)
        outputs, not_written = self.release.write(outcome, judgement, source)
        static = replace(evidence.static, left_out=(*evidence.static.left_out, *self.release.left_out()))
        left = {item.name for item in self.release.left_out()}
        talks = tuple(map(understand, evidence.dynamic.conversations))
        story, processes = account(evidence, talks, self.rules)
        return Report(
            tool=TOOL,
            verdict=judgement.verdict,
            summary=judgement.summary,
            reasons=judgement.reasons,
            input=source,
            policy=self.policy.name,
            persona=self.policy.persona.name,
            jail=jail,
            static=static,
            dynamic=evidence.dynamic,
            comparison=evidence.comparison,
            completeness=judgement.completeness,
            findings=judgement.findings,
            tensors=_count([tensor for tensor in outcome.plan if tensor.name not in left]),
            outputs=outputs,
            not_written=not_written,
            not_examined=judgement.not_examined,
            silenced=judgement.silenced,
            rules=self.book.files,
            timings={},
            story=story,
            processes=processes,
            talks=talks,
        )

    @contextmanager
    def _specification(self, hostname: str) -> Iterator[tuple[JailSpec, str, bool]]:
        """The jail to start, the digest of the code it gets, and whether the model had to be copied for it."""
        uid, gid = (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)
        with ExitStack() as held:
            folder, digest = self._code(held)
            foreign = not self.jail.is_the_caller or uid == NOBODY
            unreadable = [file for file in self.staged.files if foreign and not file.readable_by(uid, gid)]
            self._refuse_copies(folder, unreadable)
            spec = JailSpec(
                models={secrets.token_hex(8): self._given(folder, file, unreadable) for file in self.staged.files},
                code=folder / "code",
                hostname=hostname,
                uid=uid,
                gid=gid,
                limits=self.limits,
                variables=variables(),
                syscalls=self.policy.syscalls.wall_one,
                job=secrets.token_hex(8),
                programs=self.policy.programs if "programs" in self.policy.freedoms else None,
                layers=tuple(filter(None, self.layers.values())),
            )
            yield spec, digest, bool(unreadable)

    def _code(self, held: ExitStack) -> tuple[Path, str]:
        """A private folder with the guest's code in it, and the digest of its sources. Raises HostError."""
        try:
            folder = held.enter_context(scratch())
            (folder / "code").mkdir()
            digest = self.bundle.write_code(folder / "code")
            bytecode.add(folder / "code", digest)
            return folder, digest
        except OSError as error:
            raise messages.error("scratch", why=error.strerror or error) from None

    def _refuse_copies(self, folder: Path, unreadable: Sequence[StagedFile]) -> None:
        """Whatever must be copied is announced, and needs room."""
        if not unreadable:
            return
        if shutil.disk_usage(folder).free < sum(file.size for file in unreadable):
            raise messages.error("input.no_room")
        self.request.progress("copying it, since the jail's user can't read it where it is")

    def _given(self, folder: Path, file: StagedFile, unreadable: Sequence[StagedFile]) -> Path:
        """What the jail mounts: the file itself; a private copy where the jail's user may not read it.

        By a link to it where its name is no UTF-8, which an engine's API can't carry.
        """
        target = folder / f"model-{file.fd}"
        if file in unreadable:
            file.copy_to(target)
            return target
        try:
            str(file.path).encode("utf-8")
        except UnicodeEncodeError:
            target.symlink_to(file.path)
            return target
        return file.path

    def _exchange(self, promised: dict[str, int]) -> Exchange:
        caps = Caps(
            total_bytes=total_cap(self.policy, self.staged),
            tensors=self.policy.read.tensors,
            header_bytes=self.policy.write.header_bytes,
            metadata_bytes=self.policy.read.metadata_bytes,
        )
        wanted = self._writer if self.release.group is not None or not self.request.static else None
        prefix, returned = self.request.strip_prefix, self.request.allow_returned
        return Exchange(self.staged, caps, wanted, promised, strip_prefix=prefix, returned=returned)

    def _writer(self, plan: Sequence[Tensor], sources: dict[Label, Sequence[int]]) -> WeightsWriter:
        return self.release.writer(plan, sources, self.request.copied or (lambda _done: None))

    def _dynamic(self, outcome: Outcome, asked: Asked) -> DynamicFacts:
        """With the witnesses under the names of the output, and the layers that would have had what was absent."""
        facts = outcome.session.dynamic(asked=asked.load)
        prefix = self.request.strip_prefix
        lacking = [layer for layer, given in self.layers.items() if not given]
        return replace(
            facts,
            witnesses=tuple(
                replace(row, name=stripped(row.name, prefix)) if prefix else row for row in facts.witnesses
            ),
            absent=tuple(replace(row, layer=having(lacking, row.name)) for row in facts.absent),
        )

    def _compare(self, outcome: Outcome, dynamic: DynamicFacts) -> Comparison:
        if outcome.digests is None or not dynamic.loaded:
            return Comparison()
        digests = {tensor.name: digest for tensor, digest in zip(outcome.plan, outcome.digests.tensors, strict=True)}
        planned = tuple(tensor for tensor in outcome.plan if tensor.label != Label.RETURNED)
        return compare(planned, digests, dynamic.witnesses)


def _beside(path: Path, staged: Staged) -> Path:
    """Where the weights go when nobody says: beside the input, under its own name."""
    if not staged.is_folder:
        return path.with_suffix(".safetensors")
    named = path if path.name not in ("", "..") else path.resolve()
    return named.parent / f"{named.name}.safetensors"


def _count(plan: Sequence[Tensor]) -> dict[str, TensorCount]:
    """Tensors and bytes by label; every label has its line."""
    counts = {}
    for label in Label:
        sizes = [tensor.nbytes for tensor in plan if tensor.label == label]
        counts[label.value] = TensorCount(len(sizes), sum(sizes))
    return counts
