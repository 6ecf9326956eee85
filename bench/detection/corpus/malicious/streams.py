"""Pickle streams that hide a call from who reads them otherwise than the unpickler does, or that break off."""

from __future__ import annotations

import struct
from pathlib import Path

from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import call, called, literal, named, stream

_SYSTEM = call("posix", "system", "id")
_NAME = named("posix", "system")
_ARGUMENTS = literal(("id",))
_DOCS = "the opcodes' own documentation, pickletools.py"
_FICKLING = "fickling's issues and advisories"
_PICKLESCAN = "picklescan's advisories"
_HUGGING_FACE = "nullifAI: broken pickles on Hugging Face, 2025"
_FRAMES = "differences between CPython's unpicklers"
_RUN = "event.fork event.program"


def _short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(text)]) + text.encode()


def _framed(body: bytes, said: int) -> bytes:
    return b"\x80\x04\x95" + struct.pack("<Q", said) + body


def _sample(
    name: str, technique: str, source: str, content: bytes, static: str, watched: str = "", file: str = "model.pkl"
) -> Sample:
    def build(path: Path) -> None:
        path.write_bytes(content)

    return Sample(f"stream_{name}", Part.MALICIOUS, technique, source, file, build, rules(static), rules(watched))


_DICT = literal({"epoch": 3})
_STACKED = _short("posix") + _short("system") + b"\x93" + _ARGUMENTS + b"R."

SAMPLES = (
    _sample(
        "dropped",
        "the call's result is popped, so that nothing is seen of it in the model",
        _FICKLING,
        b"\x80\x02" + _SYSTEM + b"0" + _DICT + b".",
        "global.dangerous.called oddity.spliced",
        _RUN,
    ),
    _sample(
        "dropped_with_mark",
        "a call inside of a mark that is popped as a whole",
        _FICKLING,
        b"\x80\x02(" + _SYSTEM + b"1" + _DICT + b".",
        "global.dangerous.called oddity.spliced",
        _RUN,
    ),
    _sample(
        "leftover",
        "a call whose result stays below the model on the stack",
        _FICKLING,
        b"\x80\x02" + _SYSTEM + _DICT + b".",
        "global.dangerous.called oddity.spliced",
        _RUN,
    ),
    _sample(
        "open_mark",
        "a call behind a mark that is never closed",
        _DOCS,
        b"\x80\x02(" + _SYSTEM + b"(" + _DICT + b".",
        "global.dangerous.called oddity.spliced",
        _RUN,
    ),
    _sample(
        "duplicated",
        "the callee by DUP, called the second time",
        _DOCS,
        b"\x80\x02" + _NAME + b"2" + _ARGUMENTS + b"R" + b"\x86.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "from_memo",
        "the callee fetched from the memo, put there thousands of places apart",
        _DOCS,
        b"\x80\x02" + _NAME + b"r\xff\xff\0\x000" + _DICT + b"q\0j\xff\xff\0\0" + _ARGUMENTS + b"R.",
        "global.dangerous.called oddity.spliced",
        _RUN,
    ),
    _sample(
        "memo_overwritten",
        "a place of the memo that held numpy's name, and then another",
        _DOCS,
        b"\x80\x02" + named("collections", "OrderedDict") + b"q\x010" + _NAME + b"q\x010h\x01" + _ARGUMENTS + b"R.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "protocol_changed",
        "turns to protocol 2 in its midst, where names are Python 2's",
        _FRAMES,
        b"\x80\x04"
        + _DICT
        + b"0\x80\x02"
        + called(named("__builtin__", "eval"), "__import__('os').system('id')")
        + b".",
        "global.dangerous.called oddity.differential",
        _RUN,
    ),
    _sample(
        "no_protocol",
        "no PROTO, and opcodes of protocol 4",
        _DOCS,
        _STACKED,
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "future_protocol",
        "a protocol that there isn't, behind the payload",
        _DOCS,
        b"\x80\x02" + _SYSTEM + b"0\x80\x09N.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "frame_torn",
        "a frame that ends inside of a name: the C unpickler sees another name",
        _FRAMES,
        _framed(_STACKED, 4),
        "global.dangerous.called oddity.differential reader.incomplete",
        _RUN,
    ),
    _sample(
        "frame_long",
        "a frame that is said to be longer than the file",
        _FRAMES,
        _framed(_STACKED, 1 << 40),
        "global.dangerous.called oddity.differential reader.incomplete",
        "load.failed",
    ),
    _sample(
        "frame_inside",
        "a frame within a frame",
        _FRAMES,
        _framed(b"\x95" + struct.pack("<Q", len(_STACKED)) + _STACKED, 9 + len(_STACKED)),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "inst",
        "INST, in protocol 0",
        _PICKLESCAN,
        b"(S'id'\niposix\nsystem\n.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "inst_late",
        "INST in a binary pickle",
        _PICKLESCAN,
        b"\x80\x04(" + literal("id") + b"iposix\nsystem\n.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "obj",
        "OBJ",
        _PICKLESCAN,
        b"\x80\x02(" + _NAME + literal("id") + b"o.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "newobj",
        "NEWOBJ of a class whose making starts a program",
        _FICKLING,
        b"\x80\x02" + named("subprocess", "Popen") + literal((["id"],)) + b"\x81.",
        "global.dangerous.named",
    ),
    _sample(
        "newobj_ex",
        "NEWOBJ_EX with arguments by keyword",
        _FICKLING,
        b"\x80\x04" + named("subprocess", "Popen") + literal(()) + literal({"args": ["id"]}) + b"\x92.",
        "global.dangerous.named",
    ),
    _sample(
        "extension_1",
        "a callee by a one-byte extension code",
        _DOCS,
        b"\x80\x02\x82\x07" + _ARGUMENTS + b"R.",
        "global.extension global.unknown.called oddity.extension",
        "load.failed",
    ),
    _sample(
        "extension_2",
        "a callee by a two-byte extension code, registered first",
        _DOCS,
        b"\x80\x02" + call("copyreg", "add_extension", "posix", "system", 300) + b"0\x83\x2c\x01" + _ARGUMENTS + b"R.",
        "global.dangerous.called global.extension global.unknown.called oddity.extension oddity.spliced",
        _RUN,
    ),
    _sample(
        "extension_4",
        "a callee by a four-byte extension code",
        _DOCS,
        b"\x80\x02\x84\x07\0\1\0" + _ARGUMENTS + b"R.",
        "global.extension global.unknown.called oddity.extension",
        "load.failed",
    ),
    _sample(
        "persistent",
        "a payload inside of a persistent id that nothing resolves",
        _DOCS,
        b"\x80\x02" + _SYSTEM + b"Q.",
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "persistent_behind",
        "a persistent id in front, which stops readers that don't know it",
        _DOCS,
        b"\x80\x02" + _SYSTEM + b"0Ptensor\n.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "build_function",
        "BUILD on a function: its attributes change for everybody",
        _FICKLING,
        b"\x80\x02" + named("json", "loads") + literal({"__wrapped__": 1}) + b"b.",
        "global.table.changed oddity.patch reader.incomplete",
    ),
    _sample(
        "build_class",
        "BUILD on a class puts exec in a method's place",
        _FICKLING,
        b"\x80\x02" + named("collections", "OrderedDict") + literal({"x": named("builtins", "exec")}) + b"b.",
        "global.dangerous.named oddity.patch reader.incomplete",
        "load.failed",
    ),
    _sample(
        "build_slots",
        "a state of slots that holds a call",
        _DOCS,
        b"\x80\x02" + named("argparse", "Namespace") + b")\x81N" + literal({"x": _SYSTEM}) + b"\x86b.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "key",
        "a call as a dictionary's key",
        _DOCS,
        b"\x80\x02}" + _SYSTEM + b"Ns.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "cut_off",
        "no STOP behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM,
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "unknown_opcode",
        "an opcode that there isn't, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"\xff.",
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "bad_text",
        "text that is no UTF-8, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"0X\2\0\0\0\xff\xff.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "huge_text",
        "a text of exabytes, behind the payload",
        _HUGGING_FACE,
        b"\x80\x04" + _SYSTEM + b"0\x8d" + b"\xff" * 8 + b".",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "negative_long",
        "a LONG4 of negative length, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"0\x8b\xff\xff\xff\xff.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "negative_string",
        "a BINSTRING of negative length, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"0T\xff\xff\xff\xff.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "underflow",
        "a tuple of more than there is, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"0\x87.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "memo_missing",
        "a place of the memo that nothing was put at, behind the payload",
        _HUGGING_FACE,
        b"\x80\x02" + _SYSTEM + b"0h\x63.",
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "disputed_float",
        "a number that C's unpickler refuses and Python's takes, behind the payload",
        _FRAMES,
        _SYSTEM.replace(b"X\2\0\0\0id", b"S'id'\n") + b"0F1_0\n.",
        "global.dangerous.called oddity.spliced reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "escaped",
        "names whose letters are escapes in a STRING",
        _PICKLESCAN,
        b"S'\\x70osix'\nS's\\x79stem'\n\x93(S'id'\ntR.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "raw_unicode",
        "names whose letters are escapes of UNICODE",
        _PICKLESCAN,
        b"V\\u0070osix\nVs\\u0079stem\n\x93(S'id'\ntR.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "python_2_name",
        "Python 2's name of a module",
        _PICKLESCAN,
        b'c__builtin__\neval\n(S\'__import__("os").system("id")\'\ntR.',
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "commands",
        "Python 2's commands module",
        _PICKLESCAN,
        b"ccommands\ngetoutput\n(S'id'\ntR.",
        "global.dangerous.called",
        "event.fork event.program load.failed",
    ),
    _sample(
        "carriage_returns",
        "lines that end as Windows writes them, so that no name is spelled right",
        _PICKLESCAN,
        b"cposix\r\nsystem\r\n(S'id'\r\ntR.",
        "reader.incomplete",
        "load.failed",
    ),
    _sample(
        "dotted",
        "GLOBAL of a name with dots, in protocol 4",
        _PICKLESCAN,
        b"\x80\x04cuuid\nos.system\n" + _ARGUMENTS + b"R.",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "second",
        "a payload in the second pickle of the file",
        _PICKLESCAN,
        stream({"epoch": 3}) + stream({"x": _SYSTEM}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "hundredth",
        "a payload in the hundredth pickle of the file",
        _PICKLESCAN,
        stream({"epoch": 3}) * 99 + stream({"x": _SYSTEM}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "second_behind_garbage",
        "a pickle behind bytes that are none",
        _PICKLESCAN,
        stream({"epoch": 3}) + b"\xff\xfe" + stream({"x": _SYSTEM}),
        "global.dangerous.called oddity.trailing",
    ),
    _sample(
        "newline_between",
        "a payload behind a pickle and a newline",
        _PICKLESCAN,
        stream({"epoch": 3}) + b"\n" + stream({"x": _SYSTEM}),
        "global.dangerous.called oddity.trailing",
    ),
    _sample(
        "broken_second",
        "a second pickle that breaks off behind its payload",
        _HUGGING_FACE,
        stream({"epoch": 3}) + b"\x80\x02" + _SYSTEM + b"\xff",
        "global.dangerous.called oddity.trailing",
        _RUN,
    ),
    _sample(
        "deep",
        "a payload below ten thousand lists",
        _DOCS,
        b"\x80\x02" + b"]" * 9999 + _SYSTEM + b"a" * 9999 + b".",
        "global.dangerous.called oddity.limit reader.incomplete",
        "event.fork event.program witness.incomplete",
    ),
    _sample(
        "many_names",
        "a payload behind ten thousand harmless names",
        _DOCS,
        b"\x80\x02" + (named("collections", "OrderedDict") + b"0") * 10_000 + _SYSTEM + b".",
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "carried_bytes",
        "pickle.loads of bytes that hold another such pickle",
        _PICKLESCAN,
        stream(call("pickle", "loads", stream(call("_pickle", "loads", stream(_SYSTEM))))),
        "global.dangerous.called",
        _RUN,
    ),
)
