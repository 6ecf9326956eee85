"""A folder's files are read as one model: shards of a set under their own names, other files under their paths."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from guest import shards
from guest.readers.folder import FolderReading
from guest.readers.reading import Sink
from guest.readers.session import Bounds, Session
from guest.readers.source import File, Ledger

from tests.guest.readers.reading_results import Result, collect
from tests.guest.readers.test_pickles import Calls
from tests.malicious.pickles import bare, call

A = {"enc.w": torch.arange(12.0).reshape(3, 4), "enc.b": torch.ones(3)}
B = {"dec.w": torch.arange(20.0).reshape(4, 5).t(), "dec.b": torch.zeros(5)}
ONE, TWO, INDEX = (
    "pytorch_model-00001-of-00002.bin",
    "pytorch_model-00002-of-00002.bin",
    "pytorch_model.bin.index.json",
)


def names_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def read_folder(root: Path) -> Result:
    """One reading of all its files, with what must hold of every reading checked."""
    names, ledger = names_in(root), Ledger()
    descriptors = [os.open(root / name, os.O_RDONLY) for name in names]
    files = [
        File(fd, os.fstat(fd).st_size, name, index, ledger)
        for index, (fd, name) in enumerate(zip(descriptors, names, strict=True))
    ]
    with tempfile.TemporaryFile() as frames:
        FolderReading(files, Session(Bounds()), Sink(frames.fileno())).run()
        frames.seek(0)
        result = collect(frames.read())
    for fd in descriptors:
        os.close(fd)
    contents = [(root / name).read_bytes() for name in names]
    digest = hashlib.sha256()
    for row in result["RANGES"]:
        for offset, length in zip(row.offsets, row.lengths, strict=True):
            assert offset + length <= len(contents[row.file])
            digest.update(contents[row.file][offset : offset + length])
    assert (result.end.sha256, result.end.size) == (digest.hexdigest(), sum(map(len, contents)))
    return result


def tensors(result: Result, root: Path) -> dict[str, bytes]:
    names = names_in(root)
    return {
        row.name: (root / names[row.file]).read_bytes()[row.offset : row.offset + row.length]
        if row.label == "copied"
        else result.data[row.index]
        for row in result["TENSOR"]
    }


def raw(state: dict[str, Any]) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in state.items()}


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    torch.save(A, tmp_path / ONE)
    torch.save(B, tmp_path / TWO)
    index(tmp_path, dict.fromkeys(A, ONE) | dict.fromkeys(B, TWO))
    (tmp_path / "README.md").write_text("# A model\n")
    (tmp_path / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02")
    return tmp_path


def index(root: Path, places: dict[str, str]) -> None:
    (root / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def test_shards_of_a_set_are_one_model_under_their_own_names(sharded: Path) -> None:
    result = read_folder(sharded)
    assert tensors(result, sharded) == raw(A) | raw(B)
    assert result.end.complete, result.end.reason
    assert not result["ODDITY"]
    assert [(row.name, row.by) for row in result["FORMAT"]] == [
        ("folder", "content"),
        ("torch-zip", "inside"),
        ("torch-zip", "inside"),
    ]


def test_a_missing_shard_is_an_incomplete_reading(sharded: Path) -> None:
    (sharded / TWO).unlink()
    result = read_folder(sharded)
    assert tensors(result, sharded) == raw(A)
    assert "1 of the 2 shards of pytorch_model.bin are not there" in result.end.reason
    assert result.oddities == {"folder.index"}


def test_an_index_is_compared_and_never_followed(sharded: Path) -> None:
    places = dict.fromkeys(A, ONE) | {"dec.w": TWO, "ghost": TWO, "evil": "../../../../etc/passwd"}
    index(sharded, places)
    result = read_folder(sharded)
    assert tensors(result, sharded) == raw(A) | raw(B)
    details = " | ".join(row.detail for row in result["ODDITY"])
    assert "it names '../../../../etc/passwd', which the folder doesn't hold" in details
    assert "doesn't hold 'ghost'" in details
    assert "holds 'dec.b' besides" in details
    assert not result.end.complete


def test_an_index_of_shards_that_were_not_fetched_leaves_nothing_lacking(sharded: Path) -> None:
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model.safetensors"}}))
    result = read_folder(sharded)
    assert result.end.complete, result.end.reason


@pytest.mark.parametrize("place", [".cache/evil.bin", "../evil.bin", "/evil.bin", "a/../.b/evil.bin"])
def test_an_index_of_shards_where_nothing_is_looked_at(place: str, tmp_path: Path) -> None:
    """Not even where it names no other: whoever loads the set opens them."""
    torch.save(A, tmp_path / "model.bin")
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"enc.w": place}}))
    assert "where nothing was looked at" in read_folder(tmp_path).end.reason


def test_several_members_with_tensors_have_their_paths_in_the_names(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    torch.save(A, tmp_path / "unet" / "model.bin")
    torch.save(B, tmp_path / "optimizer.pt")
    torch.save({"steps": 3}, tmp_path / "training_args.bin")
    result = read_folder(tmp_path)
    assert tensors(result, tmp_path) == raw({f"unet/model.bin.{name}": value for name, value in A.items()}) | raw(
        {f"optimizer.pt.{name}": value for name, value in B.items()}
    )


def test_one_member_with_tensors_has_none(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    torch.save({"steps": 3}, tmp_path / "training_args.bin")
    assert tensors(read_folder(tmp_path), tmp_path) == raw(A)


def test_a_name_in_two_shards_is_a_collision(sharded: Path) -> None:
    torch.save(A, sharded / TWO)
    result = read_folder(sharded)
    assert "name.collision" in result.oddities
    assert not result.end.complete


def test_what_calls_something_is_told_with_its_file(sharded: Path) -> None:
    bare(call("posix", "system", "id"), sharded / TWO)
    result = read_folder(sharded)
    (use,) = [row for row in result["GLOBAL"] if row.name == "posix.system"]
    assert (names_in(sharded)[use.file], use.record) == (TWO, TWO)


def test_a_model_under_an_innocent_name_is_read_all_the_same(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    bare(call("posix", "system", "id"), tmp_path / "vocab.txt")
    assert read_folder(tmp_path).uses("posix.system") == {"reduce"}


def test_safetensors_beside_the_weights_are_listed(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").write_bytes((8).to_bytes(8, "little") + b"{}      ")
    result = read_folder(tmp_path)
    assert result.end.complete, result.end.reason
    assert [(row.name, row.reason) for row in result["LEFT_OUT"]] == [
        ("model.safetensors", "it is safetensors already")
    ]


def test_code_is_listed(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_x.Model"}}))
    (tmp_path / "modeling_x.py").write_text("raise SystemExit\n")
    result = read_folder(tmp_path)
    assert [(row.record, row.detail) for row in result["ODDITY"]] == [
        ("config.json", "auto_map names {'AutoModel': 'modeling_x.Model'}"),
        ("modeling_x.py", "a Python file"),
    ]
    assert result.end.complete


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("tokenizer_config.json", b'{"chat_template": "{{ messages }}"}', ["a chat template"]),
        (
            "tokenizer_config.json",
            rb'{"chat\u005ftemplate": [{"name": "x", "template": "{{ x.\u005f_globals__ }}"}]}',
            ["a chat template", "a chat template with __globals__"],
        ),
        ("chat_template.jinja", b"{{ messages }}", ["a chat template"]),
        ("chat_template.jinja", b"{{ x['os'].popen(1) }}", ["a chat template", "a chat template with popen"]),
        ("chat_template.jinja", b"{{ x|attr('__cl' ~ 'ass__') }}", ["a chat template", "a chat template with |attr("]),
        ("tokenizer.json", b'{"vocab": {"__class__": 1}}', []),
    ],
)
def test_a_chat_template_is_told_and_what_leads_out_of_it(
    name: str, content: bytes, told: list[str], tmp_path: Path
) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / name).write_bytes(content)
    assert [row.detail for row in read_folder(tmp_path)["ODDITY"]] == told


@pytest.mark.parametrize("name", ["modules.json", "conf/model.yaml", "MLmodel"])
def test_what_a_configuration_has_a_framework_call_is_told(name: str, tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    honest = '{"type": "torch.nn.Linear"}, ' * 100_000  # whoever hides one puts much in front of it
    (tmp_path / name).write_text(f'[{honest} {{"type": "os.system"}}]')
    (told,) = read_folder(tmp_path)["TEXT"]
    assert (told.kind, told.names, told.record) == ("named", ("os.system",), name)


def test_code_is_listed_however_json_spells_it(tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_bytes(rb'{"auto\u005fm\u0061p": {"AutoModel": "other/repository--x.Model"}}')
    (tmp_path / "adapter_config.json").write_bytes(b" " * (shards.MOST_JSON + 1))
    result = read_folder(tmp_path)
    assert [(row.record, row.id) for row in result["ODDITY"]] == [("config.json", "folder.code")]
    assert "adapter_config.json" in result.end.reason


@pytest.mark.parametrize(
    "before",
    [
        b"V" + b"a" * (17 << 20) + b"\n0",  # more text than a first look takes
        b"P1\n0",  # a persistent id
        b"}(" + b"I1\n" * 2000 + b"tNs0",  # a key that is too long for an honest one
        b"F1_0\n0",  # a number to Python's unpickler, which is joblib's
        b"F1e999\n0",
    ],
)
def test_a_pickle_is_one_however_it_begins(before: bytes, tmp_path: Path) -> None:
    torch.save(A, tmp_path / "pytorch_model.bin")
    (tmp_path / "notes.dat").write_bytes(before + pickle.dumps(Calls(os.system, "x"), 0))
    result = read_folder(tmp_path)
    assert "pickle" in result.formats
    assert result.uses("posix.system") or not result.end.complete


def test_what_is_broken_in_one_file_leaves_the_others(sharded: Path) -> None:
    (sharded / "broken.bin").write_bytes(pickle.dumps([1] * 1000)[:-100])
    (sharded / "config.json").write_bytes(b"[" * 100_000 + b'"auto_map"')
    result = read_folder(sharded)
    assert tensors(result, sharded) == raw(A) | raw(B)
    assert "broken.bin: " in result.end.reason
