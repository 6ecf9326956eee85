"""The judge of conversions, the peers' conventions and the page, on figures and small files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.contest import COPY
from bench.conversion.contenders import Other, _of_report
from bench.conversion.judge import Judgement, Outcome, judge, with_dropped, written
from bench.conversion.page import Row, page
from bench.conversion.peers import PEERS
from bench.conversion.peers.walk import tensors
from bench.conversion.zoo import ZOO
from bench.measure import Sample
from tests.zoo import Expected

A: Expected = {"a": ("U8", (2,), b"\1\2"), "b": ("U8", (2,), b"\3\4")}


def test_there_are_layouts_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(ZOO) >= 60
    assert all(name == layout.name for name, layout in ZOO.items())


def test_other_names_are_wrong_of_this_tool_and_right_of_the_others() -> None:
    renamed = {"x": A["a"], "y": A["b"]}
    assert judge(renamed, A, by_name=False) == (Outcome.RIGHT, "")
    assert judge(renamed, A, by_name=True) == (Outcome.WRONG, "lacks a, b; has x, y")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"a": A["a"]}, "1 lacking"),
        ({**A, "b": ("U8", (2,), b"\3\5")}, "1 changed"),
        ({**A, "b": ("I8", (2,), b"\3\4")}, "1 changed"),
        ({**A, "b": ("U8", (1, 2), b"\3\4")}, "1 changed"),
        ({**A, "c": ("U8", (), b"\3")}, "1 not in the file"),
        ({"a": A["a"], "b": A["a"]}, "1 changed"),
    ],
)
def test_whatever_differs_is_wrong(found: Expected, why: str) -> None:
    assert judge(found, A, by_name=False) == (Outcome.WRONG, why)
    assert judge(found, A, by_name=True)[0] is Outcome.WRONG


def test_an_output_is_read_as_safetensors_wrote_it(tmp_path: Path) -> None:
    save_file({"b": torch.tensor([1.5]), "a": torch.tensor(3)}, tmp_path / "x", metadata={"tied": "b"})
    found, metadata = written(tmp_path / "x")
    one = ("F32", (1,), np.float32(1.5).tobytes())
    assert found == {"b": one, "a": ("I64", (), np.int64(3).tobytes())}
    assert with_dropped(found, metadata)["tied"] == one


def test_a_tensor_called_metadata_is_a_tensor(tmp_path: Path) -> None:
    row = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    header = json.dumps({"__metadata__": row}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + b"\7")
    assert written(tmp_path / "x") == ({"__metadata__": ("U8", (1,), b"\7")}, {})


def test_this_tool_is_right_without_an_output_only_where_there_is_nothing_to_write(tmp_path: Path) -> None:
    quiet = {"exit_code": 0, "not_written": "the file holds no tensors that can be converted", "reasons": []}
    assert _of_report(quiet, "", tmp_path / "none", {})[0] is Outcome.RIGHT
    assert _of_report(quiet, "", tmp_path / "none", A)[0] is Outcome.REFUSED
    assert _of_report({}, "no jail", tmp_path / "none", A) == (Outcome.REFUSED, "no jail")


def test_nests_are_walked_as_anybody_would() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    model: dict[str, object] = {"m": [layer, {"x": np.ones(2)}], "epoch": 3, "lr": np.float64(0.1), "name": "n"}
    model["self"] = model
    assert [name for name, _ in tensors(model)] == ["m.0.weight", "m.1.x"]


def test_peers_convert_what_they_can_and_refuse_the_rest(tmp_path: Path) -> None:
    peer = Other(PEERS["np.load(allow_pickle=True) + save_file"])
    try:
        found = {}
        for name in ("npy", "npy_fortran", "npz_objects", "scaler_pickle", "state_dict"):
            (tmp_path / name).mkdir()
            found[name] = peer.convert(*ZOO[name].make(tmp_path / name)).outcome
    finally:
        peer.close()
    assert found == {
        "npy": Outcome.RIGHT,
        "npy_fortran": Outcome.RIGHT,
        "npz_objects": Outcome.RIGHT,
        "scaler_pickle": Outcome.REFUSED,
        "state_dict": Outcome.UNASKED,
    }


def test_page_counts_and_tells_what_was_not_converted() -> None:
    judged = {
        "sandbox-load": Judgement(Outcome.REFUSED, "no | reader", 0.5, 30_000_000),
        "torch.load": Judgement(Outcome.WRONG, "2 lacking", 0.1, 200_000_000),
    }
    ours = {COPY: [Sample(0.5, 0.1)], "sandbox-load": [Sample(1.0, 1.0, {"host_peak": 40e6, "jail_peak": 230e6})]}
    text = page([Row("torch zip", "odd", 2, judged)], {"torch zip": ours}, "a machine")
    assert "| sandbox-load | 0 | 0 | 0 | 1 | 0 | 500 | 30 |" in text
    assert "| torch.load | 0 | 1 | 1 | 0 | 0 | 100 | 200 |" in text
    assert "| odd | sandbox-load | refused | no / reader |" in text
    assert "| odd | torch.load | 2 lacking |" in text
    assert "| sandbox-load | 1.00 | 2.00 | 40 (230) |" in text
