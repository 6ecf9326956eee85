"""TorchScript and torch.export archives: read, loaded as their users do, witnessed; and hostile ones refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from guest.load import loaders, witness
from guest.load.place import Place

from tests.guest.readers.reading_results import Result, read_file
from tests.zoo import ZOO, Build
from tests.zoo_programs import Net, exported_old, program, quantized, script_constants

Read = Callable[..., Result]

LAYOUTS: dict[str, tuple[str, Build]] = {
    "script_module": ("torchscript", ZOO["script_module"]),
    "script_quantized": ("torchscript", ZOO["script_quantized"]),
    "script_constants": ("torchscript", script_constants),
    "exported": ("torch-export", ZOO["exported"]),
    "exported_old": ("torch-export", exported_old),
}


def seen(form: str, place: Place) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = loaders.load(form, place)
        return {name: (dtype, shape, bytes(raw)) for name, dtype, shape, raw in witness._tensors(root, 1 << 20)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_reader_and_the_witness_see_the_same(name: str, tmp_path: Path) -> None:
    form, build = LAYOUTS[name]
    path = tmp_path / "model.pt"
    expected = build(path)
    result = read_file(path)
    assert result.formats == [form]
    assert result.end.complete, result.end.reason
    assert result.tensors(path.read_bytes()) == expected
    assert seen(form, Place(str(path))) == expected
    assert seen(form, Place(str(path), path.read_bytes())) == expected


class Odd(torch.nn.Module):
    """Tensors in every form that TorchScript saves."""

    def __init__(self) -> None:
        super().__init__()
        self.coo = torch.eye(3).to_sparse()
        self.csr = torch.eye(3).to_sparse_csr()
        self.wide = torch.nn.Parameter(torch.ones(2, dtype=torch.complex128))
        self.view = torch.arange(6.0).view(2, 3).t()
        self.none = torch.zeros(0, 3)

    def forward(self) -> torch.Tensor:
        return self.view + self.none.sum()


def lite(path: Path) -> None:
    torch.jit.script(Net())._save_for_lite_interpreter(str(path))


SCRIPTS: dict[str, tuple[Callable[[Path], Any], set[str]]] = {
    "odd": (lambda path: torch.jit.script(Odd()).save(str(path)), {"coo.indices", "csr.col_indices", "wide.imag"}),
    "lite interpreter": (lite, {"linear.weight", "listed.1"}),
    "frozen": (lambda path: torch.jit.freeze(torch.jit.script(Net().eval())).save(str(path)), {"CONSTANTS.c0"}),
    "frozen, quantized": (
        lambda path: torch.jit.freeze(torch.jit.script(quantized().eval())).save(str(path)),
        {"CONSTANTS.c2.0.int_repr", "CONSTANTS.c2.1"},
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_a_script_is_saved_by_both_see_the_same(name: str, tmp_path: Path) -> None:
    build, some = SCRIPTS[name]
    path = tmp_path / "model.pt"
    build(path)
    result = read_file(path)
    assert result.end.complete, result.end.reason
    assert result["LEFT_OUT"] == []
    tensors = result.tensors(path.read_bytes())
    assert tensors == seen("torchscript", Place(str(path)))
    assert some <= tensors.keys(), tensors.keys()


def test_every_name_of_a_state_dict_is_a_name_of_the_scripted_module(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    names = ZOO["script_module"](path).keys()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = torch.jit.load(path).state_dict().keys()
    assert state <= names
    assert "listed.0" in names - state


def test_the_sidecar_tells_of_the_code_and_the_version(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    script_constants(path)
    root = json.loads(read_file(path).metadata)["root"]
    assert root["constants"] == {"c0": {"$tensor": "CONSTANTS.c0"}}
    assert root["code"] == ["code/__torch__.py"]
    assert int(root["version"]) >= 3


class Pair:
    """A class of TorchScript that is no module; module level, since torch compiles its source."""

    def __init__(self, one: torch.Tensor) -> None:
        self.one = one


def test_what_torchscript_hands_to_nobody_is_left_out_by_name(tmp_path: Path) -> None:
    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = torch.jit.script(Pair)(torch.ones(2))
            self.kept = torch.ones(3)

        def forward(self) -> torch.Tensor:
            return self.pair.one.sum() + self.kept

    path = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Holder()).save(str(path))
    result = read_file(path)
    assert [row.name for row in result["TENSOR"]] == ["kept"]
    assert [(row.name, row.reason) for row in result["LEFT_OUT"]] == [
        ("pair.one", "an attribute of an object that TorchScript hands to nobody")
    ]


def archive(**records: bytes | str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as new:
        for name, content in records.items():
            new.writestr(name, content)
    return held.getvalue()


def test_torchscript_of_old_torch_is_refused_by_name(read: Read) -> None:
    content = archive(**{"m/model.json": "{}", "m/code/m.py": "", "m/tensors/0": b"1234"})
    result = read(content)
    assert result.end.reason == "a TorchScript archive of torch before 1.4: torch.jit.load and save it again"


def test_code_without_constants_is_what_torch_load_would_unpickle(read: Read) -> None:
    """torch.load asks for constants.pkl alone: without it the archive is an ordinary pickle."""
    result = read(archive(**{"m/data.pkl": pickle.dumps(Calls(), 2), "m/code/__torch__.py": ""}))
    assert not result.end.complete
    assert "reduce" in result.uses("posix.system")


class Calls:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("x",)


@pytest.mark.parametrize("record", ["data.pkl", "constants.pkl", "extra.pkl"])
def test_a_call_in_any_pickle_of_a_script_is_seen(record: str, read: Read) -> None:
    records: dict[str, bytes] = {"m/data.pkl": pickle.dumps({}, 2), "m/constants.pkl": pickle.dumps((), 2)}
    assert "reduce" in read(archive(**{**records, f"m/{record}": pickle.dumps(Calls(), 2)})).uses("posix.system")


@pytest.fixture(scope="module")
def records() -> dict[str, bytes]:
    """Of an exported program."""
    held = io.BytesIO()
    torch.export.save(program()[0], held)
    with zipfile.ZipFile(held) as saved:
        return {name: saved.read(name) for name in saved.namelist()}


def changed(records: dict[str, bytes], name: str, old: bytes, new: bytes) -> bytes:
    (full,) = (full for full in records if full.endswith(name))
    assert old in records[full]
    return archive(**{**records, full: records[full].replace(old, new, 1)})


CONFIG = "model_weights_config.json"
HOSTILE: dict[str, tuple[bytes, bytes]] = {
    "no json": (b"{", b"["),
    "a key twice": (b'"path_name"', b'"use_pickle": false, "path_name"'),
    "not a number": (b'"as_int": 3', b'"as_int": NaN'),
    "a negative size": (b'"as_int": 3', b'"as_int": -3'),
    "a size of text": (b'"as_int": 3', b'"as_int": "3"'),
    "a size that is an expression": (b'{"as_int": 3}', b'{"as_expr": {"expr_str": "s0"}}'),
    "a record that isn't there": (b'"weight_0"', b'"weight_9"'),
    "an offset outside": (b'"storage_offset": {"as_int": 0}', b'"storage_offset": {"as_int": 9999}'),
    "a row of text": (b'{"path_name"', b'"x", "y": {"path_name"'),
    "nested deep": (b'{"config": ', b'{"x": ' + b"[" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_table_leaves_the_reading_incomplete(name: str, read: Read, records: dict[str, bytes]) -> None:
    assert not read(changed(records, CONFIG, *HOSTILE[name])).end.complete


def test_one_record_of_two_types_is_refused(read: Read, records: dict[str, bytes]) -> None:
    """torch takes the first's type for both."""
    result = read(changed(records, CONFIG, b'"dtype": 7', b'"dtype": 5'))
    assert "one record is declared with two types" in result.end.reason


def test_pickles_beside_and_inside_of_a_program_are_seen(read: Read, records: dict[str, bytes]) -> None:
    (inputs,) = (name for name in records if name.endswith("sample_inputs/model.pt"))
    root = inputs.partition("/")[0]
    for name in (inputs, f"{root}/data.pkl"):
        content = archive(**{**records, name: pickle.dumps(Calls(), 2)})
        assert "reduce" in read(content).uses("posix.system"), name


def test_machine_code_is_never_taken_for_complete(read: Read, records: dict[str, bytes]) -> None:
    root = next(iter(records)).partition("/")[0]
    result = read(archive(**records, **{f"{root}/data/aotinductor/model/a.so": b"\x7fELF"}))
    assert result.end.reason == "machine code of AOTInductor, which loading the file runs"


def test_several_programs_are_named_by_their_own_names(read: Read, records: dict[str, bytes]) -> None:
    twice = dict(records)
    for name, content in records.items():
        if "model" in name.partition("/")[2]:
            twice[name.replace("/model", "/other").replace("/others/", "/models/")] = content
    result = read(archive(**twice))
    assert result.end.complete, result.end.reason
    names = {row.name for row in result["TENSOR"]}
    assert {"model.linear.weight", "other.linear.weight"} <= names


def test_a_program_under_another_name_is_never_taken_for_complete(read: Read, records: dict[str, bytes]) -> None:
    """torch takes every record in that folder for one."""
    root = next(iter(records)).partition("/")[0]
    assert not read(archive(**records, **{f"{root}/models/other-xxxx": b"{}"})).end.complete


def test_constants_that_torch_unpickles_are_read_as_pickles(read: Read, records: dict[str, bytes]) -> None:
    (name,) = (name for name in records if name.endswith("model_weights_config.json"))
    root = name.partition("/")[0]
    table = records[name].replace(b'"weight_0"', b'"opaque_obj_0"', 1)
    content = archive(**{**records, name: table, f"{root}/data/weights/opaque_obj_0": pickle.dumps(Calls(), 2)})
    assert "reduce" in read(content).uses("posix.system")


def test_a_program_beside_another_kind_of_model_is_odd(read: Read, tmp_path: Path) -> None:
    for name in ("script_module", "exported_old"):
        path = tmp_path / f"{name}.pt"
        ZOO[name](path) if name in ZOO else LAYOUTS[name][1](path)
        with zipfile.ZipFile(path, "a") as held:
            root = held.namelist()[0].partition("/")[0]
            held.writestr(f"{root}/Archive_format" if name in ZOO else "archive/archive_format", "pt2")
        assert read(path.read_bytes()).oddities & {"zip.stranger", "export.versions"}, name
