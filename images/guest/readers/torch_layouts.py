"""torch's tensors in forms that safetensors has not, taken apart: sparse, quantized, nested.

What becomes of each, and what stands beside it as facts:

sparse_coo              indices, values                             size, coalesced
sparse_csr, sparse_bsr  crow_indices, col_indices, values           size
sparse_csc, sparse_bsc  ccol_indices, row_indices, values           size
quantized_per_tensor    int_repr                                    dtype, scale, zero_point
quantized_per_channel   int_repr, scales, zero_points               dtype, axis, scheme
nested                  0, 1, 2, ...

Scale and zero point of a whole tensor are two Python numbers in the file, so they stay numbers.
"""

from __future__ import annotations

from typing import Any, Literal

from guest.readers.dtypes import QUANTIZED, TORCH, U8, DType
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Call, Global, as_shape
from guest.readers.known import Record, Table
from guest.readers.parts import Parts
from guest.readers.tensors import Storage, TensorView, missing

_SPARSE_COO = "sparse_coo"
_COMPRESSED = {
    "sparse_csr": ("crow_indices", "col_indices"),
    "sparse_bsr": ("crow_indices", "col_indices"),
    "sparse_csc": ("ccol_indices", "row_indices"),
    "sparse_bsc": ("ccol_indices", "row_indices"),
}
# TorchScript calls it by the layout's number, the size, whether it requires a gradient, the parts, and hooks.
_NUMBERED = {1: _SPARSE_COO, 2: "sparse_csr"}
_PER_TENSOR = "torch.per_tensor_affine"
_PER_CHANNEL = frozenset({"torch.per_channel_affine", "torch.per_channel_affine_float_qparams"})
_MOST_NESTED = 100_000  # tensors in one
_NESTED_WHY = "a nested tensor whose layout can't be read before its bytes"


def _tensor(value: object) -> object:
    if not isinstance(value, TensorView | Parts):
        raise ArgumentsError("no tensor")
    return value


def layout_name(value: object) -> str:
    """Of `torch.sparse_coo`, named as a global or looked up by torch's own function."""
    if isinstance(value, Call) and value.root and value.root.canonical == "torch.serialization._get_layout":
        text = value.args[0]
    else:
        text = value.canonical if isinstance(value, Global) else value
    if not isinstance(text, str) or not text.startswith("torch."):
        raise ArgumentsError("a layout that is none")
    return text.removeprefix("torch.")


def _rebuild_sparse(made: Call, record: Record) -> Parts:
    found = _sparse(made)
    record.session.sparse.append(found)
    return found


def _sparse(made: Call) -> Parts:
    if made.args[0] in _NUMBERED:
        layout, (size, _, *parts, _) = _NUMBERED[made.args[0]], made.args[1:]
        data = (*parts, size)
    else:
        layout, data = layout_name(made.args[0]), made.args[1]
    if layout == _SPARSE_COO:
        indices, values, size, *coalesced = data
        facts = {"size": size, **({"coalesced": coalesced[0]} if coalesced else {})}
        return Parts(layout, {"indices": _tensor(indices), "values": _tensor(values)}, facts)
    if layout not in _COMPRESSED:
        raise ArgumentsError("a layout that is unknown")
    compressed, plain, values, size = data
    names = (*_COMPRESSED[layout], "values")
    children = dict(zip(names, map(_tensor, (compressed, plain, values)), strict=True))
    return Parts(layout, children, {"size": size})


def _rebuild_qtensor(made: Call, _: Record) -> object:
    storage, offset, shape, strides = made.args[0], made.args[1], as_shape(made.args[2]), as_shape(made.args[3])
    scheme, *parameters = made.args[4]
    if not isinstance(storage, Storage) or not isinstance(scheme, Global):
        raise ArgumentsError("no storage, or no scheme")
    if type(offset) is not int or shape is None or strides is None or len(shape) != len(strides):
        raise ArgumentsError("an offset, size or stride that is none")
    kind = QUANTIZED.get(storage.dtype.what)
    if kind is None:
        return missing(f"a quantized tensor of {storage.dtype.what}: safetensors has no form for it", U8)
    whole = TensorView(storage, kind, offset, shape, strides, why=storage.why)
    if scheme.canonical == _PER_TENSOR:
        scale, zero_point = parameters
        if not isinstance(scale, float | int) or type(zero_point) is not int:
            raise ArgumentsError("a scale or zero point that is no number")
        facts: dict[str, object] = {"dtype": storage.dtype.what, "scale": scale, "zero_point": zero_point}
        return Parts("quantized_per_tensor", {"int_repr": whole}, facts)
    if scheme.canonical not in _PER_CHANNEL:
        raise ArgumentsError("an unknown scheme")
    scales, zero_points, axis = parameters
    facts = {"dtype": storage.dtype.what, "scheme": scheme.canonical.removeprefix("torch."), "axis": axis}
    children: dict[str, object] = {"int_repr": whole}
    for name, value in (("scales", scales), ("zero_points", zero_points)):
        (facts if isinstance(value, list) else children)[name] = value if isinstance(value, list) else _tensor(value)
    return Parts("quantized_per_channel", children, facts)


def _rebuild_nested(made: Call, _: Record) -> object:
    """Views of one buffer, laid out by three small tensors."""
    buffer, *tables = made.args
    if not isinstance(buffer, TensorView) or not all(isinstance(table, TensorView) for table in tables):
        raise ArgumentsError("no tensors")
    sizes, strides, offsets = (_numbers(table) for table in tables)
    if sizes is None or strides is None or offsets is None or buffer.storage is None:
        return missing(buffer.why or _NESTED_WHY, buffer.dtype)
    count = len(offsets)
    rank = len(sizes) // count if count else 0
    if len(sizes) != rank * count or len(strides) != rank * count:
        raise ArgumentsError("sizes, strides and offsets of different counts")
    children: dict[str, object] = {}
    for at, offset in enumerate(offsets):
        part = slice(at * rank, (at + 1) * rank)
        children[str(at)] = TensorView(
            buffer.storage, buffer.dtype, buffer.offset + offset, tuple(sizes[part]), tuple(strides[part])
        )
    return Parts("nested", children)


def _numbers(table: TensorView) -> list[int] | None:
    """The values of a small contiguous tensor of integers; None where its bytes aren't known yet."""
    span = table.span()
    if table.dtype != TORCH["int64"] or not table.contiguous or span is None or table.storage is None:
        raise ArgumentsError("no table of integers")
    if table.numel > _MOST_NESTED:
        raise ArgumentsError(f"a nested tensor of more than {_MOST_NESTED} parts")
    if table.storage.source is None:
        return None if table.numel else []
    raw = table.storage.source.at(span[0], span[1] - span[0])
    order: Literal["big", "little"] = "big" if table.storage.big_endian else "little"
    return [int.from_bytes(raw[at : at + 8], order, signed=True) for at in range(0, len(raw), 8)]


def complex_parts(view: TensorView, part: DType) -> Parts | TensorView:
    """A complex tensor that safetensors has no type for, as its halves: real, imag."""
    if view.why:
        return view
    strides = tuple(2 * stride for stride in view.strides)
    halves: dict[str, Any] = {
        name: TensorView(view.storage, part, 2 * view.offset + at, view.shape, strides, neg=view.neg ^ flips)
        for at, (name, flips) in enumerate((("real", False), ("imag", view.conj)))
    }
    return Parts(view.dtype.what, halves)


TORCH_LAYOUTS: Table = {
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _rebuild_sparse,
    "torch._utils._rebuild_qtensor": _rebuild_qtensor,
    "torch._utils._rebuild_nested_tensor": _rebuild_nested,
}
