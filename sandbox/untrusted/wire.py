"""The one definition of the wire between host and guest.

A frame is one byte of kind, a big-endian u32 length, then the payload. Every kind's payload is one JSON object
(a row, below) except DATA and META, whose payloads are raw bytes. Both sides use this file: the host as
``sandbox.untrusted.wire``, the guest as ``import wire`` (it is given a copy beside its code), so it needs nothing
but the standard library and imports nothing of the package.

Writing is lenient about its caller, reading about nothing: `decode` accepts exactly the declared fields, of exactly
the declared types, within the declared bounds. Only `WireError` leaves it.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, TypeVar

VERSION = 2
HEADER = struct.Struct(">BI")
# A reader that must hold a whole frame holds this much; big things (tensor bytes, metadata) travel in many frames.
MAX_PAYLOAD = 1 << 20
DATA_HEAD = struct.Struct(">I")  # the tensor's index, before the raw bytes of a DATA frame
MAX_DATA = MAX_PAYLOAD - DATA_HEAD.size

MAX_NAME = 4096  # characters of a tensor's name or a global's dotted name
MAX_TEXT = 4096  # characters of any other free text
MAX_TOLD = 1024  # characters of a string of the file that is told
MAX_RANK = 64  # torch's own limit on dimensions
MAX_SIZE = (1 << 63) - 1
MAX_ROWS = 1 << 12  # items of a list inside one row
MAX_FILES = 1 << 10  # of one input
MAX_MODULES = 512  # of a file, and of those a load had imported early
MAX_SAMPLES = 256  # points of the series in RESOURCES
MAX_SAID = 64 << 10  # bytes kept of each direction of a conversation
# Where the decoy tools tell what they were asked to do: over the sinkhole, at an address that is nobody's (RFC 5737).
TOOLS_TELL = ("192.0.2.1", 9)
MAX_FILE = 256 << 10  # bytes kept of a file that the load left


class WireError(ValueError):
    """The other side sent something that is not a frame of this wire."""


class Kind(IntEnum):
    """What a frame holds. The comment says who may speak it; PID 1 forwards only what its speaker may say."""

    ORDER = 1  # host: what to load, under which policy
    HELLO = 16  # PID 1: what the jail looks like from inside
    FORMAT = 17  # reader: a format that the bytes satisfy
    TENSOR = 18  # reader: one tensor of the plan
    LEFT_OUT = 19  # reader: a tensor that is not in the plan, and why
    GLOBAL = 20  # reader: how the file uses one global
    ODDITY = 21  # reader: something about the structure that an honest writer would not do
    PLAN_END = 22  # reader: no TENSOR row follows; DATA may
    DATA = 23  # reader: bytes of a gathered or decoded tensor, in order
    META = 24  # reader: a piece of the metadata's JSON text
    RANGES = 25  # reader: byte ranges of the file that were interpreted
    READ_END = 26  # reader: its last word
    READER_GONE = 27  # PID 1: the reader's processes are dead
    ARMED = 28  # PID 1: the loader's filter was checked; the load begins
    EVENT = 29  # PID 1: something the loader did
    LOADED = 30  # loader: how the load ended
    WITNESS = 31  # loader: one tensor as it stands in memory
    ABSENT = 32  # loader: a global whose module is not here
    HINT = 33  # loader: an audit hook's word on why
    RETURNED = 34  # loader: a tensor that code in the jail made
    RETURNED_DATA = 35  # loader: its bytes
    OUTPUT = 36  # PID 1: what a child printed
    LOADER_GONE = 37  # PID 1: the loader's processes are dead
    END = 38  # PID 1: the counters; nothing follows
    TESTIFIED = 39  # loader: the last word of its witness
    RESOURCES = 40  # PID 1: what the loader's tree used, once it is dead
    CONVERSATION = 41  # PID 1: what was said over one connection to the sinkhole
    ARTIFACT = 42  # PID 1: a file that the load wrote
    TEXT = 43  # reader: a string of the file that matters


RAW = frozenset({Kind.DATA, Kind.META, Kind.RETURNED_DATA})
READER_SAYS = frozenset({*range(Kind.FORMAT, Kind.READ_END + 1), Kind.TEXT})
LOADER_SAYS = frozenset(
    {Kind.LOADED, Kind.WITNESS, Kind.ABSENT, Kind.HINT, Kind.RETURNED, Kind.RETURNED_DATA, Kind.TESTIFIED}
)


_BASE64 = re.compile(r"[A-Za-z0-9+/]*+={0,2}+")


def _text(limit: int = MAX_TEXT) -> Any:
    return field(metadata={"check": lambda value: isinstance(value, str) and len(value) <= limit})


def _base64(limit: int) -> Any:
    """At most `limit` bytes, in base64 with its padding."""
    most = (limit + 2) // 3 * 4
    return field(
        metadata={
            "check": lambda value: (
                isinstance(value, str)
                and len(value) <= most
                and len(value) % 4 == 0
                and _BASE64.fullmatch(value) is not None
            )
        }
    )


def _size(limit: int = MAX_SIZE, low: int = 0) -> Any:
    return field(metadata={"check": lambda value: type(value) is int and low <= value <= limit})


def _file() -> Any:
    """Which file of the input, by its place in the order's list; last of a row's fields, since it has a default."""
    return field(default=0, metadata={"check": lambda value: type(value) is int and 0 <= value < MAX_FILES})


def _flag() -> Any:
    return field(metadata={"check": lambda value: type(value) is bool})


def _seconds() -> Any:
    return field(metadata={"check": lambda value: type(value) in (int, float) and 0 <= value < 1e9})


def _list(item: Any, limit: int = MAX_ROWS) -> Any:
    check = item.metadata["check"]
    return field(
        metadata={
            "check": lambda value: isinstance(value, list) and len(value) <= limit and all(map(check, value)),
            "convert": tuple,
        }
    )


def _texts(limit: int, length: int = MAX_TEXT) -> Any:
    """A flat mapping of text to text."""

    def check(value: object) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= limit
            and all(isinstance(text, str) and len(text) <= length for pair in value.items() for text in pair)
        )

    return field(metadata={"check": check})


def _counts(limit: int) -> Any:
    """A flat mapping of text to a count."""

    def check(value: object) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= limit
            and all(len(name) <= 64 and type(count) is int and 0 <= count <= MAX_SIZE for name, count in value.items())
        )

    return field(metadata={"check": check})


@dataclass(frozen=True)
class Hello:
    version: int = _size(255)
    python: str = _text(64)
    kernel: str = _text(256)
    uid: int = _size(1 << 32)
    no_new_privs: bool = _flag()
    seccomp: int = _size(2)  # /proc/self/status: 2 is a filter
    capabilities: str = _text(32)  # CapEff and CapBnd joined, hexadecimal
    interfaces: tuple[str, ...] = _list(_text(32), 32)
    limits: dict[str, int] = _counts(2 * MAX_FILES)  # the jail's, as read back inside: "tmpfs /tmp", "rlimit CORE", ...


@dataclass(frozen=True)
class Format:
    name: str = _text(64)
    supported: bool = _flag()  # False: recognised, and no reader for it yet
    primary: bool = _flag()  # the one whose tensors are the plan
    by: str = _text(16)  # "content", "extension" or "inside"
    file: int = _file()


@dataclass(frozen=True)
class Tensor:
    index: int = _size(1 << 31)  # consecutive from 0
    name: str = _text(MAX_NAME)
    dtype: str = _text(16)  # safetensors' name
    shape: tuple[int, ...] = _list(_size(), MAX_RANK)
    strides: tuple[int, ...] = _list(_size(low=-MAX_SIZE), MAX_RANK)  # in elements, as the file declares them
    label: str = _text(16)  # "copied", "gathered" or "decoded"
    record: str = _text(MAX_NAME)  # the archive member or pickle that holds the bytes
    offset: int = _size()  # bytes from the start of the file: where the tensor (copied) or its storage begins
    length: int = _size()  # bytes of the file from there
    alias: int = _size(1 << 31, -1)  # tensors with the same number share a storage; -1: with nobody
    file: int = _file()
    twin: int = field(default=-1, metadata=_size(1 << 31, -1).metadata)  # the first that is the very same; -1: none
    escaped: bool = field(
        default=False, metadata=_flag().metadata
    )  # safetensors can't hold the name it has in the file


@dataclass(frozen=True)
class LeftOut:
    name: str = _text(MAX_NAME)
    reason: str = _text(256)


@dataclass(frozen=True)
class GlobalUse:
    format: str = _text(64)
    name: str = _text(MAX_NAME)  # module.attribute as the stream spells it
    # reference, reduce, newobj, obj, inst, build, extend (items), extension (a code), persistent, subtype: the class of
    # an array, which numpy doesn't call; change; kept: a dictionary calls it, bound to the arguments
    use: str = _text(16)
    indirect: bool = _flag()  # what is called is the result of this global, not the global itself
    opcode: str = _text(24)
    record: str = _text(MAX_NAME)
    offset: int = _size()  # of the first such opcode, from the start of the record
    count: int = _size()
    arguments: str = _text(1024)  # of the first such use, shortened
    file: int = _file()


@dataclass(frozen=True)
class Oddity:
    format: str = _text(64)
    id: str = _text(64)  # "zip.duplicate", "pickle.trailing", ...
    detail: str = _text()
    record: str = _text(MAX_NAME)
    offset: int = _size()
    file: int = _file()


@dataclass(frozen=True)
class Text:
    """A string or bytes that the file holds, as they are or by what is encoded in them."""

    format: str = _text(64)
    kind: str = _text(32)  # "url", "shell.reverse", "python.stage", "code", "pickle", ...
    how: str = _text(64)  # "base64 > zlib": what had to be undone to see it; empty when nothing had
    text: str = _text(MAX_TOLD)  # what was found, cut
    names: tuple[str, ...] = _list(_text(256), 32)  # of a pickle: the globals that it names
    used: bool = _flag()  # whether it is handed to something that is called and isn't known to be harmless
    record: str = _text(MAX_NAME)
    offset: int = _size()  # of the opcode that holds it, from the start of the record
    file: int = _file()


@dataclass(frozen=True)
class PlanEnd:
    tensors: int = _size(1 << 31)
    nbytes: int = _size()


@dataclass(frozen=True)
class Ranges:
    offsets: tuple[int, ...] = _list(_size())
    lengths: tuple[int, ...] = _list(_size())
    file: int = _file()


@dataclass(frozen=True)
class ReadEnd:
    complete: bool = _flag()  # False: what was read so far stands, but something was not read
    reason: str = _text()  # why not, as a sentence
    size: int = _size()  # of all files together, as the reader saw them
    sha256: str = _text(64)  # over all RANGES in their order
    nodes: int = _size()  # pickle opcodes interpreted
    frameworks: tuple[str, ...] = _list(_text(256), MAX_MODULES)  # modules that the globals name


@dataclass(frozen=True)
class Gone:
    """READER_GONE and LOADER_GONE."""

    exit: int = _size(255, -255)  # negative: the signal
    seconds: float = _seconds()
    cpu_seconds: float = _seconds()
    peak_rss: int = _size()
    alive: tuple[str, ...] = _list(_text(256), 64)  # threads and children that had to be killed


@dataclass(frozen=True)
class Armed:
    observer: str = _text(16)
    tasks: int = _size(1 << 20)  # threads that carry the filter
    imported: tuple[str, ...] = _list(_text(256), MAX_MODULES)
    at: float = _seconds()  # since the jail's start, as every `at`
    limits: dict[str, int] = _counts(32)  # the loader's rlimits, as read back by PID 1


@dataclass(frozen=True)
class Event:
    id: int = _size()
    kind: str = _text(32)  # "net.connect", ...
    call: str = _text(32)
    answer: str = _text(16)  # denied, faked, continued
    pid: int = _size(1 << 31)
    at: float = _seconds()
    count: int = _size(MAX_SIZE, 1)  # above 1: this many like it, of which this is the first
    detail: dict[str, str] = _texts(16)


@dataclass(frozen=True)
class Loaded:
    ok: bool = _flag()
    error: str = _text()
    seconds: float = _seconds()


@dataclass(frozen=True)
class Witness:
    name: str = _text(MAX_NAME)
    dtype: str = _text(16)
    shape: tuple[int, ...] = _list(_size(), MAX_RANK)
    blake3: str = _text(64)  # of the contiguous little-endian bytes


@dataclass(frozen=True)
class Absent:
    name: str = _text(MAX_NAME)
    reason: str = _text(512)
    count: int = _size()


@dataclass(frozen=True)
class Hint:
    what: str = _text(64)
    detail: str = _text()
    because: str = _text(MAX_NAME)  # the global and opcode that were being interpreted
    stack: tuple[str, ...] = _list(_text(256), 16)  # file:line function, the innermost first


@dataclass(frozen=True)
class Returned:
    index: int = _size(1 << 31)
    name: str = _text(MAX_NAME)
    dtype: str = _text(16)
    shape: tuple[int, ...] = _list(_size(), MAX_RANK)


@dataclass(frozen=True)
class Testified:
    rows: int = _size()  # WITNESS rows that were sent
    reason: str = _text(512)  # why tensors are missing among them, as a sentence; empty when none is


@dataclass(frozen=True)
class Output:
    process: str = _text(16)  # reader or loader
    stream: str = _text(8)
    text: str = _text(MAX_PAYLOAD)
    total: int = _size()  # bytes printed, of which `text` is the first part


@dataclass(frozen=True)
class End:
    counts: dict[str, int] = _counts(128)  # events by kind, all of them
    dropped: int = _size()  # events seen but not sent as rows
    unreadable: int = _size()  # calls whose arguments could not be read
    decoy_overflow: int = _size()  # times the decoys' watch lost records
    observer_outlived_loader: bool = _flag()


@dataclass(frozen=True)
class Resources:
    """CPU in seconds, of all that was ever in the tree; memory in bytes, without mapped files where that is told."""

    interval: float = _seconds()  # between two points of the series
    samples: int = _size()  # taken in all; the series keeps some of them
    cpu_seconds: float = _seconds()
    load_cpu_seconds: float = _seconds()  # from the go to the loader's word that it is done
    after_cpu_seconds: float = _seconds()  # from there to the end of the wait for what stays
    peak_memory: int = _size()
    peak_threads: int = _size()
    peak_descriptors: int = _size()
    peak_processes: int = _size()
    at: tuple[float, ...] = _list(_seconds(), MAX_SAMPLES)  # since the jail's start; the lists below go with it
    cpu: tuple[float, ...] = _list(_seconds(), MAX_SAMPLES)
    memory: tuple[int, ...] = _list(_size(), MAX_SAMPLES)
    threads: tuple[int, ...] = _list(_size(), MAX_SAMPLES)
    descriptors: tuple[int, ...] = _list(_size(), MAX_SAMPLES)
    processes: tuple[int, ...] = _list(_size(), MAX_SAMPLES)


@dataclass(frozen=True)
class Conversation:
    """One connection of the load to the sinkhole, or all datagrams of one socket to one address."""

    id: int = _size(1 << 31)
    pid: int = _size(1 << 31)
    at: float = _seconds()
    transport: str = _text(8)  # tcp or udp
    address: str = _text(64)  # that the load meant
    port: int = _size(65535)
    name: str = _text(256)  # that the sinkhole gave this address for; "" when it was not asked
    protocol: str = _text(16)  # as far as the sinkhole could tell: http, tls, ssh, smtp, dns, raw
    sent: str = _base64(MAX_SAID)  # by the load: the first bytes
    sent_total: int = _size()
    answered: str = _base64(MAX_SAID)  # by the sinkhole
    answered_total: int = _size()


@dataclass(frozen=True)
class Artifact:
    path: str = _text()
    why: str = _text(16)  # when it was kept: left (after the load), deleted, run
    mode: int = _size(0o7777)
    size: int = _size()
    sha256: str = _text(64)  # of `content`, which is the first part of it
    content: str = _base64(MAX_FILE)


ROWS: dict[Kind, type[Any]] = {
    Kind.HELLO: Hello,
    Kind.FORMAT: Format,
    Kind.TENSOR: Tensor,
    Kind.LEFT_OUT: LeftOut,
    Kind.GLOBAL: GlobalUse,
    Kind.ODDITY: Oddity,
    Kind.TEXT: Text,
    Kind.PLAN_END: PlanEnd,
    Kind.RANGES: Ranges,
    Kind.READ_END: ReadEnd,
    Kind.READER_GONE: Gone,
    Kind.ARMED: Armed,
    Kind.EVENT: Event,
    Kind.LOADED: Loaded,
    Kind.WITNESS: Witness,
    Kind.ABSENT: Absent,
    Kind.HINT: Hint,
    Kind.RETURNED: Returned,
    Kind.OUTPUT: Output,
    Kind.LOADER_GONE: Gone,
    Kind.END: End,
    Kind.TESTIFIED: Testified,
    Kind.RESOURCES: Resources,
    Kind.CONVERSATION: Conversation,
    Kind.ARTIFACT: Artifact,
}

Row = TypeVar("Row")


def frame(kind: Kind, payload: bytes) -> bytes:
    """One frame's bytes. Raises WireError when the payload is too long."""
    if len(payload) > MAX_PAYLOAD:
        raise WireError(f"{kind.name}: {len(payload)} bytes in one frame")
    return HEADER.pack(kind, len(payload)) + payload


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def encode(kind: Kind, row: object) -> bytes:
    """A row as a frame: ASCII JSON, so that a lone surrogate in a name travels as an escape."""
    return frame(kind, _ENCODER.encode(vars(row)).encode("ascii"))


def data(kind: Kind, index: int, chunk: bytes) -> bytes:
    """A piece of tensor bytes as a frame."""
    return frame(kind, DATA_HEAD.pack(index) + chunk)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    untrusted_object = dict(pairs)
    if len(untrusted_object) != len(pairs):
        raise WireError("a key twice in one object")
    return untrusted_object


def _no_constant(untrusted_word: str) -> object:
    raise WireError(f"{untrusted_word[:16]} is not a number")


# Up to the next object or list of a JSON text; strings, and what is left of one without an end, are passed over.
# Possessive throughout: no text makes it look twice.
_TO_NEXT = re.compile(rb'[^"\[{]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?[^"\[{]*+)*+[\[{]', re.DOTALL)


def _opens_more(untrusted_payload: bytes, most: int) -> bool:
    """Whether parsing it would make more objects and lists, each of up to a hundred times the memory of its text."""
    if untrusted_payload.count(b"[") + untrusted_payload.count(b"{") <= most:
        return False
    at = 0
    for _ in range(most + 1):  # `finditer` would begin again inside a string
        found = _TO_NEXT.match(untrusted_payload, at)
        if found is None:
            return False
        at = found.end()
    return True


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)


def parse_json(untrusted_payload: bytes, most: int = MAX_PAYLOAD) -> object:
    """Strict JSON: no duplicate keys, no NaN, no invalid UTF-8, no nesting beyond Python's own limit.

    `most`: objects and lists that it may hold. A frame can't hold more than the default.
    """
    if len(untrusted_payload) > most and _opens_more(untrusted_payload, most):
        raise WireError(f"text with more than {most} objects and lists")
    try:
        return _DECODER.decode(untrusted_payload.decode("utf-8"))
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {type(error).__name__}") from None


def decode(kind: Kind, untrusted_payload: bytes) -> Any:
    """The row of a JSON frame, checked field by field."""
    row = ROWS.get(kind)
    if row is None:
        raise WireError(f"{kind.name} has no fields")
    untrusted_row = parse_json(untrusted_payload)
    specs = _FIELDS[row]
    if not isinstance(untrusted_row, dict) or untrusted_row.keys() != specs.keys():
        raise WireError(f"{kind.name}: not its fields")
    for name, (check, convert) in specs.items():
        if not check(untrusted_row[name]):
            raise WireError(f"{kind.name}.{name}: not of its type, or out of bounds")
        if convert:
            untrusted_row[name] = convert(untrusted_row[name])
    return row(**untrusted_row)


# Of each row, once: asking the classes took as long as the parsing.
_FIELDS: dict[type[Any], dict[str, tuple[Any, Any]]] = {
    row: {spec.name: (spec.metadata["check"], spec.metadata.get("convert")) for spec in fields(row)}
    for row in ROWS.values()
}


class Decoder:
    """Bytes in any pieces -> (kind, payload) frames. Holds at most one frame."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, untrusted_bytes: bytes) -> list[tuple[Kind, bytes]]:
        """The frames completed by these bytes. Raises WireError on an unknown kind or a frame over the limit."""
        self._held += untrusted_bytes
        frames = []
        at = 0
        while len(self._held) - at >= HEADER.size:
            number, length = HEADER.unpack_from(self._held, at)
            if length > MAX_PAYLOAD:
                raise WireError(f"a frame of {length} bytes")
            try:
                kind = Kind(number)
            except ValueError:
                raise WireError(f"an unknown kind of frame, {number}") from None
            if len(self._held) - at - HEADER.size < length:
                break
            at += HEADER.size
            frames.append((kind, bytes(self._held[at : at + length])))
            at += length
        del self._held[:at]
        return frames

    @property
    def empty(self) -> bool:
        """Whether the stream could end here."""
        return not self._held
