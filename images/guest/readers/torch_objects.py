"""torch's constructors, as inert values. The names are those its pickles have had since 0.1."""

from __future__ import annotations

from typing import Any

from guest.readers import keys, own_state
from guest.readers.dtypes import FLOATS, HALVES, STORAGES, TORCH, U8, DType
from guest.readers.errors import ArgumentsError
from guest.readers.inert import Call, Global, as_bytes, as_shape
from guest.readers.known import Constructor, Record, Table
from guest.readers.numpy_objects import NumpyArray
from guest.readers.parts import Parts
from guest.readers.session import Where
from guest.readers.tensors import Storage, TensorView, missing
from guest.readers.torch_layouts import TORCH_LAYOUTS, complex_parts

# Attributes that, set on a tensor by its state, replace what it holds, or what it does when it is given a state.
_REPLACING = frozenset({"data", "_data", "real", "imag", "grad_fn", "__setstate__", "__class__"})
# What torch keeps elsewhere than among a tensor's Python attributes: no pickler finds it there.
_ELSEWHERE = frozenset({"grad", "_grad", "_backward_hooks", "_post_accumulate_grad_hooks", "requires_grad"})


def storage_dtype(kind: object) -> DType | None:
    """Of a storage class. torch looks at the class's name alone, but for the untyped one."""
    if not isinstance(kind, Global):
        return None
    return STORAGES.get(kind.canonical.rpartition(".")[2])


def torch_dtype(value: object) -> DType | None:
    """Of `torch.float32` and its like."""
    if not isinstance(value, Global) or not value.canonical.startswith("torch."):
        return None
    return TORCH.get(value.canonical.removeprefix("torch."))


def _rebuild_tensor(made: Call, _: Record) -> object:
    return _bits(_tensor(made.args, None), ())


def _rebuild_tensor_v2(made: Call, _: Record) -> object:
    return _bits(_tensor(made.args, None), made.args[6:])


def _rebuild_tensor_v3(made: Call, _: Record) -> object:
    dtype = torch_dtype(made.args[6])
    if dtype is None:
        raise ArgumentsError("an unknown dtype")
    return _bits(_tensor(made.args, dtype), made.args[7:])


def _tensor(args: Any, dtype: DType | None) -> TensorView:
    storage, offset, shape, strides = args[0], args[1], as_shape(args[2]), as_shape(args[3])
    if not isinstance(storage, Storage):
        raise ArgumentsError("no storage")
    if type(offset) is not int or shape is None or strides is None or len(shape) != len(strides):
        raise ArgumentsError("an offset, size or stride that is none")
    kind = dtype or storage.dtype
    why = storage.why if kind.name or kind in HALVES else f"{kind.what}: safetensors has no such dtype"
    return TensorView(storage, kind, offset, shape, strides, why=why)


def _bits(tensor: TensorView, rest: Any) -> TensorView | Parts:
    """The conj and neg bits: the values in memory are not the ones in the storage."""
    metadata = rest[0] if rest else None
    if metadata:
        if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
            raise ArgumentsError("unknown metadata")
        tensor.conj = metadata.get("conj") is True
        tensor.neg = metadata.get("neg") is True
    halves = HALVES.get(tensor.dtype)
    if halves is not None:
        return complex_parts(tensor, halves)
    if (tensor.conj and tensor.dtype.name != "C64") or (tensor.neg and tensor.dtype.name not in FLOATS | {"C64"}):
        tensor.why = tensor.why or f"a conj or neg bit on {tensor.dtype.what}"
    return tensor


def _parameter(made: Call, record: Record) -> object:
    """Parameter and Buffer, and what rebuilds them: the tensor that they wrap."""
    if not made.args:
        return made
    tensor = made.args[0]
    if not isinstance(tensor, TensorView | Parts):
        raise ArgumentsError("no tensor")
    if len(made.args) > 3:
        _check_state(made.args[3], record)
    return tensor


def _check_state(state: object, record: Record) -> None:
    """Python attributes of a tensor: harmless, unless one of them is what it holds."""
    parts = state if isinstance(state, tuple) else (state,)
    names = {name for part in parts if isinstance(part, dict) for name, _ in keys.named(part)}
    for name in sorted(names & (_REPLACING | _ELSEWHERE)):
        where = record.where
        record.session.oddity(
            where.form, "tensor.state", f"a state that sets a tensor's {name}", where.record, where.offset
        )
    if names & _REPLACING:
        record.session.incomplete("a tensor's state replaces what it holds")


def is_old_state(state: object) -> bool:
    """What tensors took by BUILD before 0.4: whether they require a gradient, are volatile, and their hooks."""
    return isinstance(state, tuple) and len(state) == 3 and isinstance(state[0], bool) and isinstance(state[1], bool)


def _from_type(made: Call, record: Record) -> object:
    """A tensor subclass: calls its first argument with the third, then makes it an instance of the second."""
    function, kind, args = made.args[0], made.args[1], made.args[2]
    if isinstance(kind, Global):
        record.session.used(record.where, kind, "newobj", False, ())
    inner = Call("reduce", function, args)
    if inner.root is not None:
        record.session.used(record.where, inner.root, "reduce", inner.indirect, args, each=True)
    if not isinstance(function, Global) or not isinstance(args, tuple):
        raise ArgumentsError("no function with arguments")
    state = made.args[3] if len(made.args) > 3 else None
    _check_state(state, record)
    if isinstance(kind, Global):
        own_state.note(kind.name, state, record.session)
    return record.call(inner, record.where)


def _left_out(why: str) -> Constructor:
    def construct(*_: object) -> TensorView:
        return missing(why, U8)

    return construct


def _moved(made: Call, _: Record) -> object:
    """A device's tensor that was saved as an array or a CPU tensor of the same values."""
    data, dtype = made.args[0], torch_dtype(made.args[1])
    view = data.view if isinstance(data, NumpyArray) else data
    if not isinstance(view, TensorView) or dtype is None:
        raise ArgumentsError("no tensor")
    if view.dtype.name != dtype.name:
        return missing(f"saved as {view.dtype.what}, loaded as {dtype.what}", dtype)
    return view


def _size(made: Call, _: Record) -> object:
    if not made.args:
        return ()
    shape = as_shape(tuple(made.args[0]) if isinstance(made.args[0], list | tuple) else None)
    if shape is None:
        raise ArgumentsError("a size of no numbers")
    return shape


def _load_from_bytes(made: Call, record: Record) -> object:
    """A whole torch file inside of a pickle: what plain pickle makes of a storage."""
    source = as_bytes(made.args[0], record.origin)
    if source is None:
        raise ArgumentsError("no bytes")
    return record.nested_load(source, f"{record.where.record}@{record.where.offset}")


def storage_pid(pid: object, where: Where, session: Any) -> tuple[DType, str, str, int, Any] | None:
    """dtype, key, location, elements, rest of ("storage", class, key, location, numel, ...); None if it isn't one."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        return None
    dtype, key, location, numel = storage_dtype(pid[1]), pid[2], pid[3], pid[4]
    if isinstance(pid[1], Global):
        session.used(where, pid[1], "persistent", False, None)
    if dtype is None or not isinstance(key, str | int) or type(numel) is not int or numel < 0:
        return None
    return dtype, str(key), location if isinstance(location, str) else "", numel, pid[5:]


TORCH_OBJECTS: Table = {
    **TORCH_LAYOUTS,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
    "torch._tensor._rebuild_from_type": _from_type,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.tensor._rebuild_from_type": _from_type,
    "torch.tensor._rebuild_from_type_v2": _from_type,
    "torch._utils._rebuild_device_tensor_from_numpy": _moved,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _moved,
    "torch._utils._rebuild_xla_tensor": _moved,
    "torch._utils._rebuild_meta_tensor_no_storage": _left_out("a meta tensor: it has no data"),
    "torch._utils._rebuild_wrapper_subclass": _left_out("a wrapper subclass: only its code knows its values"),
    "torch.Size": _size,
    "torch.storage._load_from_bytes": _load_from_bytes,
}
