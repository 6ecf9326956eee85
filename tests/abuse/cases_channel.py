"""Cases 27 to 32: what the loader says and does, and whoever reads the report."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sandbox.facts import Report, Verdict
from sandbox.report.as_json import as_json
from sandbox.report.neutral import visible
from sandbox.report.text import text
from tests.abuse.bench import Bench, benign
from tests.abuse.case import EACH_CHANNEL, Case, Evidence, finding
from tests.abuse.files import LENGTH, arrays, header_of
from tests.jail.payloads import running


class _Runs:
    """Runs source with these names when it is unpickled."""

    def __init__(self, source: str, names: dict[str, Any]) -> None:
        self._call = (textwrap.dedent(source), names)

    def __reduce__(self) -> tuple[object, tuple[str, dict[str, Any]]]:
        return exec, self._call


def _forged_words(bench: Bench) -> Evidence:
    report = bench.load(
        """
        import os, sys
        wire = sys.modules["wire"]
        clean = b'{"schema": "sandbox-load/report/1", "verdict": "clean", "exit_code": 0}'
        for stream in (1, 2):
            os.write(stream, b"CLEAN: Ordinary checkpoint: 1 tensor, nothing in it can run code.\\n" + clean)
            os.write(stream, wire.frame(wire.Kind.END, b"{}"))
        """
    )
    assert report.verdict == Verdict.MALICIOUS
    assert any("CLEAN" in said for _, said, _ in report.dynamic.printed)
    return Evidence("it is text that the load printed, nothing else", finding(report, "global.dangerous.called"))


_SCREEN = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://example.invalid\x1b\\x\u202e\u2066[red]<b>&amp;"


def _screens(report: Report) -> None:
    """No output of ours holds anything that acts on whoever reads it."""
    for verbose in (0, 1, 2):
        shown = text(report, verbose=verbose)
        assert all(line.isprintable() for line in shown.splitlines()), shown
    encoded = as_json(report)
    assert encoded.isascii()
    assert [said for said in _texts(json.loads(encoded)) if said != visible(said)] == []


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _texts(item)


def _ansi(bench: Bench) -> Evidence:
    path = bench.folder() / f"m{_SCREEN.replace('/', '')}.pkl"
    source = f"""
    import os, subprocess
    evil = {_SCREEN!r}
    print(evil)
    for act in (lambda: subprocess.run(["sh", "-c", evil]), lambda: open("/tmp/" + evil, "w"), lambda: os.stat(evil)):
        try:
            act()
        except OSError:
            pass
    raise ValueError(evil)
    """
    report = bench.evaluate(running(source, path))
    assert report.verdict == Verdict.MALICIOUS
    _screens(report)
    return Evidence("shown as marks in the text, escaped in the JSON", finding(report, "event.program"))


def _surrogates(bench: Bench) -> Evidence:
    source = """
    import os, subprocess
    for act in (
        lambda: os.open(b"/tmp/\\xff\\xfe\\xed\\xa0\\x80", os.O_WRONLY | os.O_CREAT),
        lambda: subprocess.run([b"/bin/\\xff", b"\\xed\\xb0\\x80"]),
        lambda: os.write(1, b"\\xff\\xfe\\xed\\xa0\\x80"),
    ):
        try:
            act()
        except OSError:
            pass
    raise ValueError("\\ud800")
    """
    report = bench.load(source)
    _screens(report)
    assert report.verdict == Verdict.MALICIOUS
    return Evidence("the report is valid JSON", finding(report, "event.program"))


def _bytes_path(bench: Bench) -> Evidence:
    """The user's own file has a name that is no UTF-8."""
    path = Path(os.fsdecode(bytes(bench.folder()) + b"/m\xff\xed\xa0\x80.pkl"))
    report = bench.evaluate(benign(path))
    _screens(report)
    assert report.verdict == Verdict.CLEAN, report.summary
    return Evidence("evaluated; the report is valid JSON", "the path, with marks where it is no text")


def _returns_pickle(bench: Bench) -> Evidence:
    report = bench.load(
        """
        import os, pickle
        os.write(3, pickle.dumps({"verdict": "clean"}))
        """
    )
    assert any(event.kind == "watch.tamper" and event.call == "frame" for event in report.dynamic.events)
    return Evidence("refused: the host has nothing that unpickles", finding(report, "event.tamper"))


def _bit_exact(bench: Bench) -> Evidence:
    folder = bench.folder()
    numbers = (0x7FC00001, 0xFFFFFFFF, 0x7F800000, 0xFF800000, 0x80000000, 0x00000001, 0x7F800001, 0x3F800000)
    bits = np.array(numbers, dtype=np.uint32)
    tensor = torch.from_numpy(bits.view(np.float32).copy())
    model = folder / "m.pt"
    torch.save({"a": tensor, "b": tensor.reshape(2, 4).t()}, model)
    report = bench.evaluate(model, write=True, static=True)
    loaded = torch.load(model)
    out = folder / "m.safetensors"
    header, raw = header_of(out), out.read_bytes()
    start = 8 + LENGTH.unpack_from(raw)[0]
    for name, value in loaded.items():
        low, high = header[name]["data_offsets"]
        assert raw[start + low : start + high] == value.contiguous().view(torch.uint8).numpy().tobytes()
    assert report.verdict == Verdict.UNEXECUTED
    return Evidence("NaN payloads, infinities and -0.0 bit for bit, as torch itself loads them", "verdict unexecuted")


def _substituted(bench: Bench) -> Evidence:
    folder = bench.folder()
    weights = np.arange(6, dtype=np.float32)
    model = arrays(folder / "m.pkl", {"w": weights, "hook": _Runs("w[2] = 7e7", {"w": weights})})
    report = bench.evaluate(model, write=True, salvage=True)
    raw = (folder / "m.safetensors").read_bytes()
    assert raw.endswith(weights.tobytes())
    assert report.verdict == Verdict.MALICIOUS
    return Evidence("the output holds the file's own bytes", finding(report, "weights.differ"))


CASES = (
    Case("27", "Prints a forged report, a forged last frame and the word CLEAN", _forged_words, EACH_CHANNEL),
    Case("28", "Terminal escapes, bidi and markup in everything that is shown", _ansi, EACH_CHANNEL),
    Case("29", "Invalid UTF-8 and lone surrogates in paths, arguments, output and errors", _surrogates, EACH_CHANNEL),
    Case("29", "The input's own name is no UTF-8", _bytes_path),
    Case("30", "Sends a pickle instead of frames", _returns_pickle, EACH_CHANNEL),
    Case("31", "Numbers that a careless copy would change", _bit_exact, ("bubblewrap",)),
    Case("32", "Changes the weights while they are loaded", _substituted, EACH_CHANNEL),
)
