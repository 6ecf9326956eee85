"""Which tensors go into which file of the output: chosen by name, without ties, apart, in shards. Pure.

What the caller asked for is one `Choices`; the manifest keeps it, so that a fresh plan can be arranged the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePath

from sandbox import messages
from sandbox.facts import LeftOut, Tensor
from sandbox.weights.group import OPTIMIZER, WEIGHTS
from sandbox.weights.optimizer import is_optimizers
from sandbox.weights.plan import show

_INDEX = re.compile(r"(.+)\.safetensors\.index\.json", re.DOTALL)
_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}\.safetensors", re.ASCII | re.DOTALL)
_OPTIMIZER = re.compile(r"(.+)\.optimizer\.safetensors", re.DOTALL)

KEEP, DROP = "keep", "drop"
TIED = (KEEP, DROP)
MOST_SHARDS = 500  # each is an open file until all are whole


@dataclass(frozen=True)
class Choices:
    """What the output is to hold, and in what files. `shard_size` in bytes, None: one file."""

    strip_prefix: str = ""
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tied: str = KEEP
    shard_size: int | None = None
    split_optimizer: bool = False


@dataclass(frozen=True)
class Part:
    """One file of tensors. `metadata` goes into its header; `whole`: what it is a shard of, "" when it is none."""

    name: str
    kind: str
    tensors: tuple[Tensor, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    whole: str = ""


@dataclass(frozen=True)
class Arrangement:
    """Every tensor of the plan is in one of the parts, left out, or dropped for another: (name, the name kept)."""

    parts: tuple[Part, ...]
    left_out: tuple[LeftOut, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()

    def indices(self) -> frozenset[int]:
        """Of the tensors that are in the output."""
        return frozenset(tensor.index for part in self.parts for tensor in part.tensors)


def arrange(plan: Sequence[Tensor], choices: Choices, weights: str) -> Arrangement:
    """The plan's tensors in files; `weights` is the name of the first. Raises CallerError for what can't be chosen."""
    reasons = _unchosen(plan, choices) if choices.select or choices.exclude else {}
    chosen = [tensor for tensor in plan if tensor.index not in reasons]
    left_out = tuple(LeftOut(plan[index].name, reason) for index, reason in reasons.items())
    parts: list[Part] = []
    dropped: dict[str, str] = {}
    for name, kind, tensors in _sets(chosen, choices, weights):
        twins = _twins(tensors) if choices.tied == DROP else {}
        kept = [tensor for tensor in tensors if tensor.name not in twins]
        parts += _shards(name, kind, kept, choices.shard_size, twins)
        dropped |= twins
    return Arrangement(tuple(parts), left_out, tuple(dropped.items()))


def _unchosen(plan: Sequence[Tensor], choices: Choices) -> dict[int, str]:
    """Why a tensor isn't wanted, by index. Raises CallerError for a pattern that matches none."""
    unused = dict.fromkeys([*choices.select, *choices.exclude])
    reasons = {}
    for tensor in plan:
        selecting = [pattern for pattern in choices.select if fnmatchcase(tensor.name, pattern)]
        excluding = [pattern for pattern in choices.exclude if fnmatchcase(tensor.name, pattern)]
        for pattern in (*selecting, *excluding):
            unused.pop(pattern, None)
        if choices.select and not selecting:
            reasons[tensor.index] = "no pattern of --select is its name's"
        elif excluding:
            reasons[tensor.index] = f"--exclude {show(excluding[0])}"
    if unused and plan:
        raise messages.error("choice.nothing", pattern=next(iter(unused)), count=len(plan), first=plan[0].name)
    return reasons


def _sets(chosen: Sequence[Tensor], choices: Choices, weights: str) -> Iterator[tuple[str, str, list[Tensor]]]:
    """The files, before they are cut: name, kind, tensors. One without tensors isn't written."""
    apart = {tensor.index for tensor in chosen if choices.split_optimizer and is_optimizers(tensor.name)}
    for name, kind, tensors in (
        (weights, WEIGHTS, [tensor for tensor in chosen if tensor.index not in apart]),
        (optimizer_name(weights), OPTIMIZER, [tensor for tensor in chosen if tensor.index in apart]),
    ):
        if tensors:
            yield name, kind, tensors


def _twins(tensors: Iterable[Tensor]) -> dict[str, str]:
    """The names to drop, each with the name kept: the alphabetically first, as safetensors.torch.save_model does."""
    groups: dict[int, list[str]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.index if tensor.twin < 0 else tensor.twin, []).append(tensor.name)
    ordered = map(sorted, groups.values())
    return {name: kept for kept, *others in ordered for name in others}


def _cut(tensors: Sequence[Tensor], size: int | None) -> list[list[Tensor]]:
    """In the plan's order: a shard takes tensors as long as they fit; one that is larger than a shard is alone."""
    shards: list[list[Tensor]] = []
    filling: list[Tensor] = []
    held = 0
    for tensor in tensors:
        if size is not None and tensor.nbytes > size:
            shards.append([tensor])
            continue
        if size is not None and held + tensor.nbytes > size:
            shards.append(filling)
            filling, held = [], 0
        filling.append(tensor)
        held += tensor.nbytes
    return [*shards, filling] if filling else shards


def _shards(
    name: str, kind: str, tensors: Sequence[Tensor], size: int | None, twins: Mapping[str, str]
) -> Iterator[Part]:
    """Raises CallerError for too many files."""
    shards = _cut(tensors, size)
    if len(shards) > MOST_SHARDS:
        raise messages.error("choice.shards", count=len(shards), most=MOST_SHARDS)
    tied: dict[str, dict[str, str]] = {}
    for twin, kept in twins.items():
        tied.setdefault(kept, {})[twin] = kept
    for number, shard in enumerate(shards):
        own, whole = (name, "") if len(shards) == 1 else (shard_name(name, number, len(shards)), name)
        metadata = {twin: kept for tensor in shard for twin, kept in tied.get(tensor.name, {}).items()}
        yield Part(own, kind, tuple(shard), metadata, whole)


def optimizer_name(weights: str) -> str:
    """What the optimizer's file is called."""
    return PurePath(weights).stem + ".optimizer.safetensors"


def shard_name(name: str, number: int, count: int) -> str:
    """`x-00001-of-00003.safetensors` for the first of three."""
    return f"{PurePath(name).stem}-{number + 1:05d}-of-{count:05d}.safetensors"


def whole_name(name: str) -> str:
    """What a shard, an index or an optimizer's file is a part of, by its name; the name itself if it is none."""
    for pattern in (_INDEX, _SHARD, _OPTIMIZER):
        found = pattern.fullmatch(name)
        name = f"{found[1]}.safetensors" if found else name
    return name


def is_shard(name: str, whole: str) -> bool:
    """Whether a file's name is that of a shard of the other."""
    found = _SHARD.fullmatch(name)
    return found is not None and found[1] == PurePath(whole).stem


def index_name(name: str) -> str:
    """What the index of a file's shards is called."""
    return PurePath(name).stem + ".safetensors.index.json"


def index_text(shards: Mapping[str, Sequence[tuple[str, int]]]) -> bytes:
    """The index of shards: by their names, the name and size of each tensor."""
    rows = [(name, shard, nbytes) for shard, tensors in shards.items() for name, nbytes in tensors]
    index = {
        "metadata": {"total_size": sum(nbytes for _, _, nbytes in rows)},
        "weight_map": {name: shard for name, shard, _ in rows},
    }
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode("ascii")
