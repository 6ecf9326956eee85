"""A loaded tensor in a form that safetensors has not, as the parts that the readers make of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Parts = dict[str, Any]

_ROWS, _COLUMNS = ("crow_indices", "col_indices"), ("ccol_indices", "row_indices")
_COMPRESSED = {"sparse_csr": _ROWS, "sparse_bsr": _ROWS, "sparse_csc": _COLUMNS, "sparse_bsc": _COLUMNS}
_QUANTIZED = ("qint8", "quint8", "qint32")
_HALVED = ("complex128", "complex32")


def parts(tensor: Any) -> Parts | None:
    """By their names; None for a tensor that is one thing, or that nothing is known to be made of."""
    kind, dtype = str(tensor.layout).removeprefix("torch."), str(tensor.dtype).removeprefix("torch.")
    if tensor.is_nested:
        return _nested(tensor) if kind == "strided" else None
    if kind == "sparse_coo":
        return {"indices": tensor._indices(), "values": tensor._values()}
    if kind in _COMPRESSED:
        return {name: getattr(tensor, name)() for name in (*_COMPRESSED[kind], "values")}
    if tensor.is_quantized:
        return _quantized(tensor) if dtype in _QUANTIZED else None
    return _halves(tensor) if dtype in _HALVED and tensor.device.type == "cpu" else None


def _nested(tensor: Any) -> Parts:
    return {str(at): part for at, part in enumerate(tensor.unbind())}


def _quantized(tensor: Any) -> Parts:
    whole = {"int_repr": tensor.int_repr()}
    if str(tensor.qscheme()) == "torch.per_tensor_affine":
        return whole
    return {**whole, "scales": tensor.q_per_channel_scales(), "zero_points": tensor.q_per_channel_zero_points()}


def _halves(tensor: Any) -> Parts:
    view_as_real: Callable[[Any], Any] = sys.modules["torch"].view_as_real
    both = view_as_real(tensor.detach().resolve_conj().resolve_neg())
    return {"real": both[..., 0], "imag": both[..., 1]}
