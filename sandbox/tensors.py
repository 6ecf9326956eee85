"""For users who have torch: a checkpoint's tensors, evaluated first. The one place of the host that hands tensors out;
it reads the finished safetensors, never the checkpoint."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sandbox import messages
from sandbox.controller import evaluate
from sandbox.facts import Verdict
from sandbox.scratch import scratch
from sandbox.weights.group import OPTIMIZER, WEIGHTS


def load_state_dict(path: str | Path, accept: Collection[str] = ("clean",), **options: Any) -> dict[str, Any]:
    """The tensors by name, from a private temporary safetensors; `options` are `Request`'s others.

    Raises CallerError when the verdict is not among `accept`, or when nothing could be converted; it says why.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 - only this helper needs torch

    with scratch() as folder:
        salvage = bool({Verdict.MALICIOUS, Verdict.INCONCLUSIVE} & set(accept))
        output = folder / "weights.safetensors"
        report = evaluate(path, output=output, salvage=salvage, **options)
        if report.verdict not in accept:
            raise messages.error("tensors.verdict", path=path, verdict=report.verdict, summary=report.summary)
        if report.not_written:
            raise messages.error("tensors.none", path=path, why=report.not_written)
        files = [written.path for written in report.outputs if written.kind in (WEIGHTS, OPTIMIZER)]
        tensors: dict[str, Any] = {name: tensor for file in files for name, tensor in load_file(file).items()}
        return {name: tensor.clone() for name, tensor in tensors.items()}
