"""The plan against the witness: do the tensors stand in memory as the file holds them?

The witness is hostile ground's word: disagreement is a finding, agreement never lowers one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.facts import Comparison, DynamicFacts, Tensor, Witness
from sandbox.judge.dynamic import Fact


def compare(plan: Iterable[Tensor], digests: Mapping[str, str], witnesses: Iterable[Witness]) -> Comparison:
    """`digests`: BLAKE3 of each planned tensor's contiguous bytes, by name. One without a digest is compared by its
    dtype and shape alone."""
    in_memory: dict[str, list[Witness]] = {}
    for witness in witnesses:
        in_memory.setdefault(witness.name, []).append(witness)
    agree, differ, missing = 0, [], []
    planned = set()
    for tensor in plan:
        planned.add(tensor.name)
        found = in_memory.get(tensor.name, [])
        if not found:
            missing.append(tensor.name)
        elif all(_agrees(tensor, digests.get(tensor.name, ""), witness) for witness in found):
            agree += 1
        else:
            differ.append(tensor.name)
    extra = [name for name in in_memory if name not in planned]
    return Comparison(agree, tuple(differ), tuple(missing), tuple(extra))


def _agrees(tensor: Tensor, digest: str, witness: Witness) -> bool:
    same_form = (tensor.dtype, tensor.shape) == (witness.dtype, witness.shape)
    return same_form and (not digest or digest == witness.blake3)


# Facts whose subject is a tensor's name.
OF_TENSORS = frozenset({"weights.differ", "weights.missing", "weights.extra"})


def facts(comparison: Comparison, dynamic: DynamicFacts) -> Iterator[Fact]:
    """What the comparison says, as facts for the rules."""
    for name in comparison.differ:
        yield "weights.differ", f"tensor {name}: other values in memory than in the file", name, ""
    planned = comparison.agree + len(comparison.differ) + len(comparison.missing)
    if dynamic.loaded and planned and len(comparison.missing) == planned:
        yield "weights.none", f"0 of {planned} tensors in memory", str(planned), ""
    for name in comparison.missing if dynamic.loaded else ():
        yield "weights.missing", f"tensor {name}: not in memory", name, ""
    if dynamic.loaded and not dynamic.testified:
        gap = dynamic.testimony_gap.rstrip(".") or "it ended before it was done"
        yield "witness.incomplete", f"witness: {gap}", gap, ""
    for name in comparison.extra:
        yield "weights.extra", f"tensor {name}: only in memory", name, ""
