"""From named tensors to the rows of the plan, and then to the bytes of those that the host can't copy itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

import wire

from guest import naming
from guest.apart import Names
from guest.readers import gather, sparse
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.look import look
from guest.readers.session import Session
from guest.readers.source import file_of
from guest.readers.tensors import Storage, TensorView

COPIED, GATHERED, DECODED = "copied", "gathered", "decoded"
_MAX_REASON = 256
_LEAST_STEPS, _VISITS = 200_000, 4  # steps of the walk that every file has, and for each opcode


@dataclass
class Planned:
    """One tensor of the output."""

    name: str
    view: TensorView
    label: str
    offset: int
    length: int
    span: tuple[int, int] = (0, 0)  # of its storage, in bytes
    file: int = 0
    alias: int = -1
    twin: int = -1


@dataclass
class Plan:
    """All of it. `names`: the first name of each tensor, by identity. `originals`: of the names that were escaped."""

    tensors: list[Planned] = field(default_factory=list)
    left_out: list[wire.LeftOut] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)
    nbytes: int = 0

    def rows(self) -> Iterator[wire.Tensor]:
        """In the order of their indices."""
        for index, tensor in enumerate(self.tensors):
            view = tensor.view
            yield wire.Tensor(
                index=index,
                name=tensor.name,
                dtype=view.dtype.name,
                shape=view.shape,
                strides=view.strides,
                label=tensor.label,
                record=view.storage.record[: wire.MAX_NAME] if view.storage else "",
                offset=tensor.offset,
                length=tensor.length,
                alias=tensor.alias,
                file=tensor.file,
                twin=tensor.twin,
                escaped=tensor.name in self.originals,
            )


def make(root: object, form: str, session: Session) -> Plan:
    """Name the tensors of a model and check each. What is wrong with one leaves the others standing."""
    plan = Plan()
    taken = _Taken()
    hidden: list[naming.Named] = []
    bounds = session.bounds
    try:
        for found in naming.walk(root, look, nodes=steps(session), depth=bounds.depth):
            if found.left_out or found.value.why:
                hidden.append(found)
            else:
                _take(plan, found, taken, form, session)
            if len(plan.tensors) + len(hidden) > bounds.tensors:
                raise naming.NamingError(f"more than {bounds.tensors} tensors")
    except naming.NamingError as error:
        session.oddity(form, "name.limit", str(error))
        session.incomplete(f"naming the tensors: {error}")
    except BoundError as error:
        session.oddity(form, "plan.limit", str(error))
        session.incomplete(str(error))
    sparse.check(session.sparse, form, lambda part: plan.names.get(id(part), ""), session)
    _alias(plan.tensors)
    _twins(plan.tensors)
    plan.left_out += [
        wire.LeftOut(name[: wire.MAX_NAME], reason[:_MAX_REASON]) for name, reason in session.unread.items()
    ]
    for found in hidden:
        if id(found.value) not in plan.names:
            reason = found.value.why or found.left_out
            plan.left_out.append(wire.LeftOut(found.name, reason[:_MAX_REASON]))
    return plan


def steps(session: Session) -> int:
    """How far a walk may go. An object is there by an opcode: only one that is shared is visited more often, and
    lists of the same list, a hundred deep, would be visited 2^100 times."""
    return min(session.bounds.nodes, max(_LEAST_STEPS, _VISITS * session.nodes))


@dataclass
class _Taken:
    """The names so far, and what has each."""

    names: Names = field(default_factory=Names)
    first: dict[str, naming.Named] = field(default_factory=dict)


def _take(plan: Plan, found: naming.Named, taken: _Taken, form: str, session: Session) -> None:
    """A tensor, by a name that is its own; one that has been met by this name already is nothing new."""
    name = taken.names.own(found.name, _identity(found.value))
    first = taken.first.setdefault(found.name, found)
    if name is None:
        return
    if first is not found:
        _collide(first, found, name, form, session)
        if found.sharded:
            return
    original = found.name if found.original is None else found.original
    if original != name:
        plan.originals[name] = original
    _add(plan, name, found.value, form, session)


def _identity(view: TensorView) -> Hashable:
    """What it is a view of, and how: of two that are empty, nothing differs but their form."""
    storage, form = view.storage, (view.dtype, view.shape)
    if storage is None or 0 in view.shape:
        return form
    start = storage.shift + view.offset * view.dtype.itemsize
    return (*form, id(storage.root), start, view.strides, view.conj, view.neg)


def _collide(first: naming.Named, second: naming.Named, name: str, form: str, session: Session) -> None:
    """Different places in one file are told apart; of one place in two files of a set, only one can be meant."""
    ways = " and ".join(" > ".join(ascii(part) for part in found.path)[:256] for found in (first, second))
    if second.sharded:
        session.oddity(form, "name.collision", f"two tensors, {ways}, are both called {second.name}")
        session.incomplete(f"two tensors, {ways}, would have the same name, {second.name[:256]!a}")
    else:
        what = f"two tensors, {ways}, would both be called {second.name[:256]}"
        session.oddity(form, "name.collision", f"{what}: the second is {name[-300:]}")


def _add(plan: Plan, name: str, view: TensorView, form: str, session: Session) -> None:
    fault = _misshapen(view)
    span = None if fault else view.span()
    fault = fault or _misplaced(view, span)
    if fault or span is None:
        record = view.storage.record if view.storage else ""
        session.oddity(form, "tensor.out_of_bounds", f"{name}: {fault}", record)
        session.incomplete(f"the tensor {name[:256]!a} {fault}")
        return
    nbytes = view.nbytes
    if plan.nbytes + nbytes > session.bounds.output_bytes:
        raise BoundError(f"tensors of more than {session.bounds.output_bytes} bytes")
    plan.nbytes += nbytes
    plan.names.setdefault(id(view), name)
    plan.tensors.append(_planned(name, view, span, nbytes))


def _misshapen(view: TensorView) -> str:
    """Why its numbers are not to be reckoned with, "" if they are."""
    if len(view.shape) > wire.MAX_RANK or view.storage is None:
        return "has no storage, or too many dimensions"
    if max(map(abs, (*view.shape, *view.strides)), default=0) > wire.MAX_SIZE:
        return "has sizes or strides beyond any file"
    return ""


def _misplaced(view: TensorView, span: tuple[int, int] | None) -> str:
    """Why the tensor can't be taken from its storage, "" if it can."""
    storage = view.storage
    if span is None or storage is None:
        return "reaches outside of its storage"
    source = storage.source
    if view.nbytes and (source is None or source.length < storage.nbytes):
        return "has a storage whose bytes are not in the file"
    if _swapped(storage) and view.dtype.swap != storage.dtype.swap:
        return "has numbers of another size than those whose bytes are in reverse order"
    return ""


def _planned(name: str, view: TensorView, span: tuple[int, int], nbytes: int) -> Planned:
    storage = view.storage
    source = storage.source if storage else None
    if storage is None or source is None or nbytes == 0:
        return Planned(name, view, COPIED, 0, 0, span)
    start, length = source.origin
    file = file_of(source)
    as_is = source.placed and not view.conj and not view.neg and not _swapped(storage)
    if as_is and view.contiguous:
        return Planned(name, view, COPIED, start + span[0], nbytes, span, file)
    return Planned(name, view, GATHERED if as_is else DECODED, start, length, span, file)


def _swapped(storage: Storage) -> bool:
    return storage.big_endian and storage.dtype.swap > 1


def _alias(tensors: list[Planned]) -> None:
    """Number the groups of tensors whose bytes overlap in one storage."""
    by_storage: dict[int, list[tuple[int, int, Planned]]] = {}
    for tensor in tensors:
        (low, high), storage = tensor.span, tensor.view.storage
        if storage and high > low:
            low, high = low + storage.shift, high + storage.shift
            by_storage.setdefault(id(storage.root), []).append((low, high, tensor))
    number = 0
    for spans in by_storage.values():
        if len(spans) == 1:
            continue
        for group in _overlapping(sorted(spans, key=lambda item: item[:2])):
            if len(group) > 1:
                for tensor in group:
                    tensor.alias = number
                number += 1


def _twins(tensors: list[Planned]) -> None:
    """Point each tensor at the first that is the very same: of the same elements of one storage, in the same order."""
    first: dict[tuple[object, ...], int] = {}
    for index, tensor in enumerate(tensors):
        view, storage = tensor.view, tensor.view.storage
        if tensor.alias < 0 or storage is None:
            continue
        start = view.offset * view.dtype.itemsize + storage.shift
        form = (view.dtype.name, view.shape, view.strides, view.conj, view.neg, storage.big_endian)
        place = (id(storage.root), start, storage.record, tensor.offset, tensor.length)
        there = first.setdefault((*place, *form), index)
        tensor.twin = there if there != index else -1


def _overlapping(spans: list[tuple[int, int, Planned]]) -> Iterator[list[Planned]]:
    group: list[Planned] = []
    end = -1
    for low, high, tensor in spans:
        if low >= end and group:
            yield group
            group = []
        group.append(tensor)
        end = max(end, high)
    if group:
        yield group


def data(plan: Plan, session: Session, send: Callable[[int, bytes], None]) -> None:
    """The bytes of the gathered and decoded tensors, in the order of their indices."""
    for index, tensor in enumerate(plan.tensors):
        if tensor.label == COPIED:
            continue
        try:
            for block in _blocks(tensor.view):
                for at in range(0, len(block), wire.MAX_DATA):
                    send(index, bytes(block[at : at + wire.MAX_DATA]))
        except (UnreadableError, MemoryError) as error:
            session.incomplete(f"the bytes of {tensor.name[:256]!a}: {str(error) or 'too big for memory'}")
            return


def _blocks(view: TensorView) -> Iterator[bytearray]:
    storage = view.storage
    if storage is None or storage.source is None:
        return
    dtype = view.dtype
    for block in gather.blocks(storage.source, dtype.itemsize, view.offset, view.shape, view.strides):
        if _swapped(storage):
            gather.swap(block, storage.dtype.swap)
        if view.neg:
            gather.negate(block, dtype.swap, 0, 1)
        if view.conj:
            gather.negate(block, dtype.swap, 1, 2)
        yield block
