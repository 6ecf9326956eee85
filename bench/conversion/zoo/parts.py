"""Tensors for which safetensors has no form of their own: each becomes parts, by the rules of docs/naming.md."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from bench.conversion.layout import Family, Made
from tests.zoo import ramp

FAMILY = Family("parts")


def _matrix() -> torch.Tensor:
    matrix = torch.zeros(4, 6)
    matrix[0, 1], matrix[2, 5], matrix[3, 0] = 1.5, -2.0, 3.25
    return matrix


@FAMILY.saves("sparse_coo")
def _coo() -> Made:
    sparse = _matrix().to_sparse().coalesce()
    return {"w": sparse, "b": ramp(3)}, {"w.indices": sparse.indices(), "w.values": sparse.values(), "b": ramp(3)}


def _compressed(name: str, outer: str, inner: str, *block: Any) -> None:
    def make() -> Made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that these are in beta
            sparse = getattr(_matrix(), f"to_sparse_{name}")(*block)
        parts = {f"w.{part}": getattr(sparse, part)() for part in (outer, inner, "values")}
        return {"w": sparse, "b": ramp(3)}, parts | {"b": ramp(3)}

    FAMILY.saves(f"sparse_{name}")(make)


_compressed("csr", "crow_indices", "col_indices")
_compressed("csc", "ccol_indices", "row_indices")
_compressed("bsr", "crow_indices", "col_indices", (2, 2))
_compressed("bsc", "ccol_indices", "row_indices", (2, 2))


def _quantized() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these are going away
        return torch.quantize_per_tensor(torch.randn(4, 3), 0.1, 2, torch.qint8)


@FAMILY.saves("quantized")
def _per_tensor() -> Made:
    """Its scale and zero point are numbers, so the metadata has them."""
    quantized = _quantized()
    return {"w": quantized}, {"w.int_repr": quantized.int_repr()}


@FAMILY.saves("quantized_by_channel")
def _per_channel() -> Made:
    scales, zeros = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64), torch.tensor([0, 1, 2, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_channel(torch.randn(4, 3), scales, zeros, 0, torch.qint8)
    parts = {"w.int_repr": quantized.int_repr(), "w.scales": scales, "w.zero_points": zeros}
    return {"w": quantized}, parts


@FAMILY.saves("complex128")
def _complex128() -> Made:
    wide = torch.complex(ramp(3, 2, dtype=torch.float64), ramp(3, 2, dtype=torch.float64) - 9)
    return {"w": wide, "b": ramp(2)}, {"w.real": wide.real, "w.imag": wide.imag, "b": ramp(2)}


@FAMILY.saves("nested_tensor")
def _nested() -> Made:
    rows = [ramp(2, 3), ramp(4, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this layout is a prototype
        nested = torch.nested.nested_tensor(rows)
    return {"w": nested}, {"w.0": rows[0], "w.1": rows[1]}


@FAMILY.saves("meta_beside_weights")
def _meta() -> Made:
    """A tensor without bytes has nothing to convert; the others do."""
    return {"m": torch.empty(3, device="meta"), "w": ramp(2)}, {"w": ramp(2)}
