"""One file, compressed: its content and nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, arrays, flat

FAMILY = Family("compressed", "model.pkl")


def _alone(content: bytes) -> bytes:
    return lzma.compress(content, lzma.FORMAT_ALONE)


def _compressed(name: str, file: str, compress: Callable[[bytes], bytes]) -> None:
    def build(path: Path) -> Expected:
        model, tensors = arrays()
        path.write_bytes(compress(pickle.dumps(model, 4)))
        return named(tensors)

    FAMILY.layout(name, file)(build)


for _name, _file, _compress in (
    ("gzip", "model.pkl.gz", gzip.compress),
    ("bz2", "model.pkl.bz2", bz2.compress),
    ("xz", "model.pkl.xz", lzma.compress),
    ("lzma", "model.pkl.lzma", _alone),
    ("zlib", "model.pkl.z", zlib.compress),
):
    _compressed(f"pickle_{_name}", _file, _compress)


def _torch_file(*, legacy: bool) -> Callable[[Path], Expected]:
    def build(path: Path) -> Expected:
        model, tensors = flat()
        held = io.BytesIO()
        torch.save(model, held, _use_new_zipfile_serialization=not legacy)
        path.write_bytes(gzip.compress(held.getvalue()))
        return named(tensors)

    return build


FAMILY.layout("torch_zip_gzip", "model.pt.gz")(_torch_file(legacy=False))
FAMILY.layout("torch_legacy_gzip", "model.pth.gz")(_torch_file(legacy=True))
