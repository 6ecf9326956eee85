"""Cases 19 to 25: where outputs are put, and finished files that lie."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import HostileError
from sandbox.facts import Verdict
from sandbox.report.text import text
from sandbox.verification import check
from sandbox.weights.header import strict_header
from sandbox.weights.names import original
from tests.abuse.bench import Bench
from tests.abuse.case import NO_JAIL, Case, Evidence
from tests.abuse.files import ARRAYS, LENGTH, arrays, header_of, refused

_MINE = b"mine"
_TIB = 1 << 40


# 19 to 21: where the outputs go


def _symlink(bench: Bench) -> Evidence:
    folder = bench.folder()
    model, target, out = arrays(folder / "m.pkl"), folder / "passwd", folder / "m.safetensors"
    target.write_bytes(_MINE)
    out.symlink_to(target)
    said = refused(lambda: bench.evaluate(model, write=True))
    assert "exists" in said
    report = bench.evaluate(model, write=True, force=True, static=True)
    assert target.read_bytes() == _MINE
    assert out.is_file()
    assert not out.is_symlink()
    assert report.outputs
    return Evidence("refused; with --force the link is replaced, its target untouched", "the error names the path")


def _is_no_file(bench: Bench, model: Path, **options: Any) -> None:
    said = refused(lambda: bench.evaluate(model, write=True, **options))
    forced = refused(lambda: bench.evaluate(model, write=True, force=True, **options))
    assert "is not a file" in said
    assert said == forced


def _special(bench: Bench) -> Evidence:
    folder = bench.folder()
    model, out = arrays(folder / "m.pkl"), folder / "m.safetensors"
    with socket.socket(socket.AF_UNIX) as listener:
        makers: tuple[Callable[[], object], ...] = (
            lambda: os.mkfifo(out),
            lambda: listener.bind(str(out)),
            out.mkdir,
        )
        for make in makers:
            make()
            _is_no_file(bench, model)
            out.rmdir() if out.is_dir() else out.unlink()
    return Evidence("refused before anything starts, with --force too", "the error names the path")


def _special_device(bench: Bench) -> Evidence:
    model = arrays(bench.folder() / "m.pkl")
    _is_no_file(bench, model, output="/dev/null")
    return Evidence("refused before anything starts, with --force too", "the error names the path")


def _hard_link(bench: Bench) -> Evidence:
    folder = bench.folder()
    model, other, out = arrays(folder / "m.pkl"), folder / "other", folder / "m.safetensors"
    other.write_bytes(_MINE)
    out.hardlink_to(other)
    bench.evaluate(model, write=True, force=True, static=True)
    assert other.read_bytes() == _MINE
    assert out.stat().st_nlink == 1
    out.unlink()
    out.hardlink_to(model)
    assert "is the input itself" in refused(lambda: bench.evaluate(model, write=True, force=True))
    return Evidence("its other name keeps its bytes; a link to the input is refused", "the error names the path")


def _odd_inputs(bench: Bench) -> Evidence:
    folder = bench.folder()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        for path in (folder / "fifo", folder / "socket", folder, Path("/dev/zero"), Path("/dev/full")):
            refused(functools.partial(bench.evaluate, path))
    return Evidence("refused before anything is read", "the error says what it is")


def _swapped_folder(bench: Bench) -> Evidence:
    """The folder of the outputs becomes a link to another one after it was looked at."""
    folder = bench.folder()
    out, elsewhere = folder / "out", folder / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    model = arrays(folder / "m.pkl")

    def swap(_line: str) -> None:
        if not out.is_symlink():
            out.rename(folder / "moved")
            out.symlink_to(elsewhere)

    report = bench.evaluate(model, output=out / "m.safetensors", write=True, static=True, progress=swap)
    assert list(elsewhere.iterdir()) == []
    assert len(list((folder / "moved").iterdir())) == len(report.outputs) > 0
    return Evidence("written into the folder that was looked at", "the outputs are in the report")


# 22: names


def _path_names(bench: Bench) -> Evidence:
    folder = bench.folder()
    names = ("../../escaped", "/escaped", "a\nb", "..", "con\u202etrol")
    model = arrays(folder / "m.pkl", dict.fromkeys(names, ARRAYS["w"]))
    report = bench.evaluate(model, write=True, static=True)
    assert set(names) <= header_of(folder / "m.safetensors").keys()
    beside = {path.name for path in folder.iterdir()}
    assert beside == {"m.pkl", "m.safetensors", "m.manifest.json", "m.metadata.json"} & beside
    assert not (folder.parent / "escaped").exists()
    shown = text(report, verbose=2)
    assert all(line.isprintable() for line in shown.splitlines())
    return Evidence("they are names in the header and never paths", "listed, made harmless to look at")


def _bad_name(bench: Bench, name: str) -> Evidence:
    folder = bench.folder()
    report = bench.evaluate(arrays(folder / "m.pkl", {name: ARRAYS["w"]}), write=True, static=True)
    assert report.verdict == Verdict.UNEXECUTED, report.summary
    with (folder / "m.safetensors").open("rb") as output:
        (entry,) = strict_header(output.fileno()).entries
    assert original(entry.name) == name
    return Evidence(f"the tensor is called {entry.name}", "the manifest and the metadata name the original")


# 23 to 25: finished files that lie, as `verify` reads them


def _file(header: bytes, data: bytes, length: int | None = None) -> bytes:
    return LENGTH.pack(len(header) if length is None else length) + header + data


def _padded(text_: str) -> bytes:
    raw = text_.encode()
    return raw + b" " * (-len(raw) % 8)


def _tensor(name: str, low: int, high: int, shape: str = "[2]", dtype: str = "F32") -> str:
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{low},{high}]}}'


_LENGTHS = (1 << 63, (1 << 64) - 8, 100_000_008, 1 << 20, 7)
_LIES = {
    "a key twice": "{" + _tensor("a", 0, 8) + "," + _tensor("a", 8, 16) + "}",
    "ranges that overlap": "{" + _tensor("a", 0, 8) + "," + _tensor("b", 4, 12) + "}",
    "a hole": "{" + _tensor("a", 0, 8) + "," + _tensor("b", 12, 16, "[1]") + "}",
    "a shape of another size": "{" + _tensor("a", 0, 16, "[3]") + "}",
    "a shape beyond 64 bits": "{" + _tensor("a", 0, 16, "[4294967296,4294967296,4]") + "}",
    "a negative shape": "{" + _tensor("a", 0, 16, "[-4]") + "}",
    "trailing bytes": "{" + _tensor("a", 0, 8) + "}",
    "an unknown dtype": "{" + _tensor("a", 0, 16, dtype="F7") + "}",
    "a range beyond the file": "{" + _tensor("a", 0, 1 << 62) + "}",
    "a nesting without end": "[" * 100_000,
}


def _refused_header(bench: Bench, content: bytes) -> None:
    path = bench.folder() / "x.safetensors"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(HostileError):
            strict_header(descriptor)
    finally:
        os.close(descriptor)


def _lengths(bench: Bench) -> Evidence:
    for length in _LENGTHS:
        _refused_header(bench, _file(b"{}      ", b"", length))
    return Evidence("refused before the header is read", "the error says that its length can't be")


def _lies(bench: Bench) -> Evidence:
    for header in _LIES.values():
        _refused_header(bench, _file(_padded(header), bytes(16)))
    return Evidence(f"each refused: {', '.join(_LIES)}", "the error says which rule is broken")


def _sparse_output(bench: Bench) -> Evidence:
    folder = bench.folder()
    out, source = folder / "m.safetensors", arrays(folder / "m.pkl")
    bench.evaluate(source, write=True, static=True)
    os.truncate(out, _TIB)
    result = check(out, source, replan=False, jail=bench.jail)
    assert result.exit_code == 1
    os.truncate(folder / "m.manifest.json", _TIB)
    assert "too big" in refused(lambda: check(out, source, replan=False, jail=bench.jail))
    return Evidence("refused by its size before it is read", "verify says what is wrong")


def _sparse_input(bench: Bench) -> Evidence:
    model = bench.folder() / "m.pkl"
    model.write_bytes(b"\x80\x04")
    os.truncate(model, _TIB)
    said = refused(lambda: bench.evaluate(model))
    assert "GiB" in said
    return Evidence("refused before anything starts", "the error says what memory it would need")


_ANY = ("bubblewrap",)  # where the host's own code is what is tried
_NONE = (NO_JAIL,)

CASES = (
    Case("19", "An output's name is a link to another file", _symlink, _ANY),
    Case("20", "An output's name is a FIFO, a socket or a folder", _special, _ANY),
    Case("20", "An output's name is a device", _special_device, _ANY),
    Case("20", "An output's name is a hard link", _hard_link, _ANY),
    Case("20", "The input is a FIFO, a socket, a folder or a device", _odd_inputs, _ANY),
    Case("21", "The outputs' folder is swapped for a link meanwhile", _swapped_folder, _ANY),
    Case("22", "Tensors named like paths, with line breaks and text that runs backwards", _path_names, _ANY),
    Case("22", "A tensor named with a NUL", lambda bench: _bad_name(bench, "a\0b"), _ANY),
    Case("22", "A tensor named __metadata__", lambda bench: _bad_name(bench, "__metadata__"), _ANY),
    Case("22", "A tensor named with half a surrogate pair", lambda bench: _bad_name(bench, "a\ud800"), _ANY),
    Case("23", "A safetensors header of 2^63 bytes, of 100 MB, longer than the file", _lengths, _NONE),
    Case("24", "A safetensors header that lies", _lies, _NONE),
    Case("25", "A sparse tebibyte as output and manifest to verify", _sparse_output, _ANY),
    Case("25", "A sparse tebibyte as input", _sparse_input, _ANY),
)
