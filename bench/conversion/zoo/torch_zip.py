"""torch's zip format, as other machines and other zip writers leave it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.conversion.layout import Family, Made, named
from tests.zoo import Expected, flat, ramp

FAMILY = Family("torch zip")


def rewritten(model: Any, path: Path, *, method: int = zipfile.ZIP_STORED, swap: int = 0) -> None:
    """What torch.save writes, put into a zip file anew. `swap`: bytes of an element to turn round."""
    held = io.BytesIO()
    torch.save(model, held)
    with zipfile.ZipFile(held) as source, zipfile.ZipFile(path, "w", method) as target:
        for record in source.namelist():
            content = source.read(record)
            if swap and "/data/" in record:
                content = np.frombuffer(content, f"u{swap}").byteswap().tobytes()
            if swap and record.endswith("/byteorder"):
                content = b"big"
            target.writestr(record, content)


@FAMILY.layout("big_endian")
def big_endian(path: Path) -> Expected:
    """As saved on a big-endian machine."""
    state = {"w": ramp(3, 4), "b": ramp(3) - 7}
    rewritten(state, path, swap=4)
    return named(state)


@FAMILY.layout("zipped_again")
def zipped_again(path: Path) -> Expected:
    model, tensors = flat()
    rewritten(model, path)
    return named(tensors)


@FAMILY.layout("deflated")
def deflated(path: Path) -> Expected:
    """As left by somebody who unpacked a checkpoint and packed it again."""
    state = {"w": ramp(40, 40), "b": ramp(3)}
    rewritten(state, path, method=zipfile.ZIP_DEFLATED)
    return named(state)


@FAMILY.layout("no_checksums")
def no_checksums(path: Path) -> Expected:
    model, tensors = flat()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(model, path)
    finally:
        torch.serialization.set_crc32_options(True)
    return named(tensors)


@FAMILY.saves("slices_of_one_buffer")
def _slices() -> Made:
    """Rows of one flat buffer, as FSDP and DeepSpeed keep their parameters."""
    buffer = ramp(100, dtype=torch.bfloat16)
    state = {f"layer.{number}": buffer[number * 10 : number * 10 + 10].view(2, 5) for number in range(10)}
    return state, dict(state)


@FAMILY.saves("channels_last_module")
def _channels_last() -> Made:
    model = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    return model, dict(model.state_dict())


@FAMILY.saves("half_and_double")
def _half_and_double() -> Made:
    tensors = {name: torch.randn(5, 3).to(dtype) for name, dtype in _FLOATS.items()}
    return {"model": tensors}, {f"model.{name}": value for name, value in tensors.items()}


_FLOATS = {"half": torch.float16, "bfloat": torch.bfloat16, "double": torch.float64}


@FAMILY.saves("special_values")
def _special() -> Made:
    """Bits that a comparison by value would miss."""
    bits = torch.tensor([0x7FC00001, -0x80000000, 0x7F800000, 0x00000001], dtype=torch.int32)
    return {"w": bits.view(torch.float32)}, {"w": bits.view(torch.float32)}
