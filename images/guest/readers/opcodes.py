"""The opcodes that move things about, name globals and call: one function each."""

from __future__ import annotations

from collections.abc import Callable

from guest.readers.errors import UnreadableError
from guest.readers.inert import Bag, Bytes, Call, Global, check_key
from guest.readers.literals import cut, length8
from guest.readers.machine import Machine
from guest.readers.stream import Stream

HIGHEST_PROTOCOL = 5
_LAST_PLACE = (1 << 63) - 1  # of C's Py_ssize_t
_POPS, _GETS = b"01", b"ghj"


def _proto(reader: Machine) -> None:
    proto = reader.stream.byte()
    if proto > HIGHEST_PROTOCOL:
        raise UnreadableError(f"protocol {proto}")
    if reader.where.offset != reader.begun:
        reader.oddity("pickle.protocol", f"it turns to protocol {proto} in its midst")
    reader.proto = proto


def _frame(reader: Machine) -> None:
    # The C unpickler asks no more of a frame than that its bytes are there.
    reader.stream.frame(length8(reader.stream))


def _mark(reader: Machine) -> None:
    reader.marks.append(reader.stack)
    reader.stack = []


def _stop(reader: Machine) -> None:
    if not reader.stack:
        raise UnreadableError("STOP with nothing on the stack")
    if len(reader.stack) > 1 or reader.marks:
        reader.oddity("pickle.leftover", "objects that it makes and that are no part of the result")
    reader.stream.end()
    reader.done = True


def _pop(reader: Machine) -> None:
    if reader.stack:
        _drop(reader, [reader.stack.pop()])
    else:
        reader.pop_mark()


def _pop_mark(reader: Machine) -> None:
    _drop(reader, reader.pop_mark())


def _drop(reader: Machine, items: list[object]) -> None:
    """What is popped off an honest stream is fetched again, or is what set the state of the object below."""
    for item in items:
        if isinstance(item, Call) and not _is_setter(item, reader.stack):
            reader.dropped = item.name
    following = reader.stream.peek()
    if reader.dropped and following not in _POPS:
        if following not in _GETS:
            reader.oddity("pickle.dropped", f"what {reader.dropped} gives is thrown away")
        reader.dropped = ""


def _is_setter(made: Call, stack: list[object]) -> bool:
    """setter(object, state), by which __reduce__ may have an object's state set."""
    return isinstance(made.args, tuple) and len(made.args) == 2 and bool(stack) and made.args[0] is stack[-1]


def _dup(reader: Machine) -> None:
    reader.stack.append(reader.stack[-1])
    reader.pushed(reader.stack[-1])


def _tuple(count: int) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        if len(reader.stack) < count:
            raise UnreadableError("nothing on the stack")
        reader.stack[-count:] = (tuple(reader.stack[-count:]),)

    return act


def _marked_tuple(reader: Machine) -> None:
    items = reader.pop_mark()
    reader.stack.append(tuple(items))


def _marked_list(reader: Machine) -> None:
    items = reader.pop_mark()
    reader.stack.append(items)


def _bag(frozen: bool) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        items = reader.pop_mark() if frozen else []
        for item in items:
            check_key(item)
        reader.hashed(items)
        reader.stack.append(Bag(frozen, items))

    return act


def _put(index: Callable[[Stream], int]) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        number = index(reader.stream)
        if not 0 <= number <= _LAST_PLACE:
            raise UnreadableError("a place of the memo that can't be")
        reader.memo[number] = reader.stack[-1]

    return act


def _get(index: Callable[[Stream], int]) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        number = index(reader.stream)
        if number not in reader.memo:
            raise UnreadableError(f"nothing was put at {number}")
        found = reader.memo[number]
        reader.stack.append(found)
        if type(found) is Global:
            reader.pushed(found)

    return act


def _line_number(stream: Stream) -> int:
    return int(cut(stream.line()))


def _global(reader: Machine) -> None:
    module = str(reader.stream.line(), "utf-8")
    reader.stack.append(reader.refer(module, str(reader.stream.line(), "utf-8")))


def _stack_global(reader: Machine) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise UnreadableError("STACK_GLOBAL without two short strings")
    reader.stack.append(reader.refer(module, name))


def _extension(size: int) -> Callable[[Machine], None]:
    def act(reader: Machine) -> None:
        code = int.from_bytes(reader.stream.take(size), "little", signed=size == 4)
        reader.oddity("pickle.extension", f"extension code {code}: what it names depends on who loads the file")
        found = reader.refer("copyreg", f"extension_{code}")
        reader.session.used(reader.where, found, "extension", False, None)
        reader.stack.append(found)

    return act


def _reduce(reader: Machine) -> None:
    args, callee = reader.stack.pop(), reader.stack.pop()
    reader.stack.append(reader.invoke("reduce", callee, args))


def _newobj(reader: Machine) -> None:
    args, callee = reader.stack.pop(), reader.stack.pop()
    reader.stack.append(reader.invoke("newobj", callee, args))


def _newobj_ex(reader: Machine) -> None:
    kwargs, args, callee = reader.stack.pop(), reader.stack.pop(), reader.stack.pop()
    reader.stack.append(reader.invoke("newobj", callee, args, kwargs))


def _obj(reader: Machine) -> None:
    callee, *args = reader.pop_mark()
    reader.stack.append(reader.invoke("obj", callee, tuple(args)))


def _inst(reader: Machine) -> None:
    module = str(reader.stream.line(), "ascii")
    callee = reader.refer(module, str(reader.stream.line(), "ascii"))
    args = reader.pop_mark()
    reader.stack.append(reader.invoke("inst", callee, tuple(args)))


def _persid(reader: Machine) -> None:
    pid = str(reader.stream.line(), "ascii")
    reader.stack.append(reader.constructors.persistent(pid, reader.where))


def _binpersid(reader: Machine) -> None:
    pid = reader.stack.pop()
    reader.stack.append(reader.constructors.persistent(pid, reader.where))


def _readonly(reader: Machine) -> None:
    if not isinstance(reader.stack[-1], Bytes):
        raise UnreadableError("READONLY_BUFFER of no buffer")


def _next_buffer(_: Machine) -> None:
    raise UnreadableError("a buffer outside of the file")


def _memoize(reader: Machine) -> None:
    reader.memo[len(reader.memo)] = reader.stack[-1]


ACTIONS: dict[str, Callable[[Machine], None]] = {
    "PROTO": _proto,
    "FRAME": _frame,
    "MARK": _mark,
    "STOP": _stop,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _dup,
    "TUPLE": _marked_tuple,
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": _marked_list,
    "EMPTY_SET": _bag(False),
    "FROZENSET": _bag(True),
    "PUT": _put(_line_number),
    "BINPUT": _put(Stream.byte),
    "LONG_BINPUT": _put(Stream.u32),
    "MEMOIZE": _memoize,
    "GET": _get(_line_number),
    "BINGET": _get(Stream.byte),
    "LONG_BINGET": _get(Stream.u32),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "EXT1": _extension(1),
    "EXT2": _extension(2),
    "EXT4": _extension(4),
    "REDUCE": _reduce,
    "NEWOBJ": _newobj,
    "NEWOBJ_EX": _newobj_ex,
    "OBJ": _obj,
    "INST": _inst,
    "PERSID": _persid,
    "BINPERSID": _binpersid,
    "READONLY_BUFFER": _readonly,
    "NEXT_BUFFER": _next_buffer,
}
