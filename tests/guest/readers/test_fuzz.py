"""Some seconds of the fuzzer of pickles: the reader never imports, never calls, keeps its bounds, and agrees with the
standard unpickler. Hours of it: docs/fuzzing.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INPUTS = 200
SEED = os.environ.get("SANDBOX_LOAD_FUZZ_SEED", "ci")


def python(source: str, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: its memory is bounded, and what it watches can't be unwatched."""
    command = [sys.executable, "-W", "ignore", "-c", source, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


FUZZ = "from bench.fuzz.__main__ import main; raise SystemExit(main())"


def test_nothing_is_found_in_some_hundred_inputs(tmp_path: Path) -> None:
    words = ["--target", "pickle", "--inputs", str(INPUTS), "--seconds", "280", "--seed", SEED]
    ended = python(FUZZ, *words, "--finds", str(tmp_path))
    assert ended.returncode == 0, f"the seed is {SEED}\n{ended.stdout}\n{ended.stderr}"
    assert json.loads(ended.stdout.splitlines()[0])["inputs"] == INPUTS


UNDAMAGED = """
import random, sys, tempfile
from pathlib import Path
from bench.fuzz import pickles, readings, vocabulary
used = set()
with tempfile.TemporaryDirectory() as folder:
    for number in range(1500):
        ops = pickles.program(random.Random(f"{sys.argv[1]}/{number}"), number % 6)
        raw = pickles.pack(ops)
        used |= {op.name for op in ops}
        vocabulary.load(raw)
        if number > 150:
            continue
        path = Path(folder, "model.pkl")
        path.write_bytes(raw)
        told = readings.read(path, ".pkl")
        assert (told.reason, told.oddities - readings.UNUSUAL) == ("", frozenset()), number
        assert readings.pickled(raw, Path(folder))[0][0] == "same", number
print(sorted(set(pickles.ACTIONS) - used))
"""


def test_whole_programs_are_read_completely_and_are_the_same() -> None:
    """Each of the generator's, as it is: the standard unpickler takes it, and the reader finds no fault in it."""
    ended = python(UNDAMAGED, SEED)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "[]\n", "opcodes that were never used"


PLANTS = {
    "an import": "was = Machine.refer\n"
    "Machine.refer = lambda self, module, name: (__import__('this'), was(self, module, name))[1]",
    "a wrong number": "pickles._DISPATCH[ord('K')] = 'BININT1', lambda self: self.stream.byte() ^ 1, True",
    "a bound that is not kept": "Session.spend_bytes = lambda self, count: setattr(self, 'pickle_bytes', 1 << 40)",
    "an error that leaves": "Reading._guard = lambda self, doing, act, *given: act(*given)",
}
FIRST = """
import bench.fuzz.readings
from guest.readers import pickles
from guest.readers.machine import Machine
from guest.readers.reading import Reading
from guest.readers.session import Session
"""


@pytest.mark.parametrize("plant", PLANTS)
def test_the_fuzzer_finds_what_is_planted(plant: str, tmp_path: Path) -> None:
    """A fuzzer that can't fail proves nothing."""
    words = ["--target", "pickle", "--inputs", "60", "--seed", SEED, "--finds", str(tmp_path)]
    ended = python(f"{FIRST}{PLANTS[plant]}\n{FUZZ}", *words)
    assert ended.returncode == 1, ended.stderr
    assert list(tmp_path.iterdir())
