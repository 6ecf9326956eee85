"""Samples whose payload is Python source that waits, looks about, or leaves its work for later."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, bare, run, torch_legacy, torch_zip

CALLED = "global.dangerous.called"
PROGRAM = "event.fork event.program"
ELSEWHERE = "on another system, Python, framework version or day"
USED = "What the model does when it is used"
ACT = "import os\nos.system('id')"
SOURCE = "MITRE ATT&CK T1497, T1480"

Build = Callable[[Path], object]
Rules = frozenset[str]

_WRITERS: dict[str, Callable[[Opcodes, Path], object]] = {
    "model.pkl": bare,
    "model.pt": torch_zip,
    "model.pth": torch_legacy,
}


def source(
    name: str,
    technique: str,
    text: str,
    watched: str = "",
    *,
    file: str = "model.pkl",
    known: str = SOURCE,
    unexamined: tuple[str, ...] = (),
) -> Sample:
    """A payload of Python, brought by exec; where it acts it starts a program."""
    build = partial(_WRITERS[file], run(text))
    return _sample(name, technique, file, build)(rules(CALLED), rules(watched), known, unexamined)


def only_if(
    name: str, technique: str, condition: str, watched: str = "", *, setup: str = "", file: str = "model.pkl"
) -> Sample:
    """Acts where the condition holds. Not told by the load where it doesn't hold here: then the report says so."""
    text = f"{textwrap.dedent(setup).strip()}\nif {condition}:\n" + textwrap.indent(ACT, "    ")
    seen = "event.program" in watched.split()
    return source(name, technique, text, watched, file=file, unexamined=() if seen else (ELSEWHERE,))


def opcodes(
    name: str,
    technique: str,
    payload: Opcodes,
    static: str,
    watched: str = "",
    *,
    unexamined: tuple[str, ...] = (),
) -> Sample:
    """A bare pickle with a payload of pickle's own."""
    build = partial(bare, payload)
    return _sample(name, technique, "model.pkl", build)(rules(static), rules(watched), SOURCE, unexamined)


def written(
    name: str,
    technique: str,
    file: str,
    build: Build,
    static: str = "",
    *,
    known: str = SOURCE,
    unexamined: tuple[str, ...] = (),
) -> Sample:
    """A file, or a folder, of another make, of which a load shows no more than reading does."""
    return _sample(name, technique, file, build)(rules(static), rules(""), known, unexamined)


def _sample(name: str, technique: str, file: str, build: Build) -> Callable[..., Sample]:
    def sample(static: Rules, watched: Rules, known: str, unexamined: tuple[str, ...]) -> Sample:
        return Sample(f"evasive_{name}", Part.EVASIVE, technique, known, file, build, static, watched, unexamined)

    return sample
