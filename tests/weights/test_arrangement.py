"""Every tensor of a plan is in exactly one file, or said to be left out; the files are the usual ones."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import _remove_duplicate_names

from sandbox.errors import CallerError, HostileError
from sandbox.facts import Label, LeftOut, Tensor
from sandbox.weights import arrangement
from sandbox.weights.arrangement import Arrangement, Choices, arrange, index_name, index_text, is_shard, whole_name
from sandbox.weights.group import OPTIMIZER, WEIGHTS
from sandbox.weights.optimizer import is_optimizers
from sandbox.weights.writer import Target, WeightsWriter
from tests.weights.rows import plan, row

SIZE = 5000


def tensors(*names: str, sizes: tuple[int, ...] = (), twins: dict[int, int] | None = None) -> tuple[Tensor, ...]:
    """Of four bytes each, unless their sizes are given."""
    lengths = sizes or (4,) * len(names)
    ties = twins or {}
    return plan(
        [
            row(
                index,
                name=name,
                dtype="U8",
                shape=(length,),
                strides=(1,),
                length=length,
                twin=ties.get(index, -1),
                alias=0 if ties else -1,
            )
            for index, (name, length) in enumerate(zip(names, lengths, strict=True))
        ],
        SIZE,
    )


def held(arranged: Arrangement) -> dict[str, list[str]]:
    return {part.name: [tensor.name for tensor in part.tensors] for part in arranged.parts}


PREFIXES = st.sampled_from(["model.", "optimizer.state.0.", "a."])
PLANS = st.lists(st.tuples(PREFIXES, st.integers(0, 9), st.integers(0, 2)), max_size=12)
CHOICES = st.builds(
    Choices,
    exclude=st.sampled_from([(), ("*3",)]),
    select=st.sampled_from([(), ("model*", "*")]),
    tied=st.sampled_from(arrangement.TIED),
    shard_size=st.none() | st.integers(1, 30),
    split_optimizer=st.booleans(),
)


@given(PLANS, CHOICES)
def test_each_tensor_is_in_one_file_or_left_out_or_dropped_for_one_that_is_there(
    told: list[tuple[str, int, int]], choices: Choices
) -> None:
    names = [f"{prefix}{index}" for index, (prefix, _, _) in enumerate(told)]
    whole = tensors(*names, sizes=tuple(size for _, size, _ in told))
    first: dict[tuple[int, int], int] = {}
    twins = {index: first.setdefault((size, tie), index) for index, (_, size, tie) in enumerate(told)}
    whole = tuple(replace(one, twin=-1 if twins[one.index] == one.index else twins[one.index]) for one in whole)
    try:
        arranged = arrange(whole, choices, "x.safetensors")
    except CallerError:  # a pattern that matches none
        assert choices.select or choices.exclude
        return
    inside = [tensor for part in arranged.parts for tensor in part.tensors]
    dropped = dict(arranged.dropped)
    out = [item.name for item in arranged.left_out]
    assert sorted([*(tensor.name for tensor in inside), *dropped, *out]) == sorted(names)
    assert set(dropped.values()) <= {tensor.name for tensor in inside}
    assert {name: kept for part in arranged.parts for name, kept in part.metadata.items()} == dropped
    for part in arranged.parts:
        assert part.tensors
        size = sum(tensor.nbytes for tensor in part.tensors)
        assert choices.shard_size is None or size <= choices.shard_size or len(part.tensors) == 1
        assert (part.kind == OPTIMIZER) == (choices.split_optimizer and is_optimizers(part.tensors[0].name))
    assert arrange(whole, choices, "x.safetensors") == arranged


def test_shards_have_the_usual_names_and_index() -> None:
    whole = tensors("a", "b", "big", "c", "d", sizes=(4, 4, 100, 4, 4))
    arranged = arrange(whole, Choices(shard_size=8), "x.safetensors")
    assert held(arranged) == {
        "x-00001-of-00003.safetensors": ["big"],
        "x-00002-of-00003.safetensors": ["a", "b"],
        "x-00003-of-00003.safetensors": ["c", "d"],
    }
    assert {part.whole for part in arranged.parts} == {"x.safetensors"}
    index = json.loads(
        index_text({part.name: [(tensor.name, tensor.nbytes) for tensor in part.tensors] for part in arranged.parts})
    )
    assert index["metadata"] == {"total_size": 116}
    assert index["weight_map"] == {name: part for part, names in held(arranged).items() for name in names}
    assert index_name("x.safetensors") == "x.safetensors.index.json"


def test_what_fits_in_one_file_is_one_file_even_when_it_is_called_like_a_shard() -> None:
    (part,) = arrange(tensors("a"), Choices(shard_size=100), "x-00001-of-00002.safetensors").parts
    assert (part.name, part.whole) == ("x-00001-of-00002.safetensors", "")


def test_too_many_shards_are_the_callers_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangement, "MOST_SHARDS", 2)
    with pytest.raises(CallerError, match="larger --shard-size"):
        arrange(tensors("a", "b", "c"), Choices(shard_size=4), "x.safetensors")


def test_patterns_choose_names_and_say_why_one_is_left_out() -> None:
    whole = tensors("m.a", "m.b", "n.a", "M.a")
    arranged = arrange(whole, Choices(select=("m.*",), exclude=("*.b",)), "x.safetensors")
    assert held(arranged) == {"x.safetensors": ["m.a"]}
    assert arranged.left_out == (
        LeftOut("m.b", "--exclude '*.b'"),
        LeftOut("n.a", "no pattern of --select is its name's"),
        LeftOut("M.a", "no pattern of --select is its name's"),
    )
    with pytest.raises(CallerError, match="'q\\*' matches none of the names of 4 tensors"):
        arrange(whole, Choices(exclude=("*.b", "q*")), "x.safetensors")
    assert arrange((), Choices(select=("q*",)), "x.safetensors") == Arrangement(())


def test_of_names_of_the_very_same_tensor_the_one_that_safetensors_keeps_is_kept() -> None:
    weight = torch.ones(4, dtype=torch.uint8)
    state = {"z": weight, "b": weight, "c": weight.clone(), "a": weight}
    arranged = arrange(tensors(*state, twins={1: 0, 3: 0}), Choices(tied="drop"), "x.safetensors")
    assert dict(arranged.dropped) == {
        name: kept for kept, names in _remove_duplicate_names(state).items() for name in names
    }
    assert held(arranged) == {"x.safetensors": ["c", "a"]}


def test_a_tied_name_that_is_not_wanted_does_not_take_the_other_with_it() -> None:
    whole = tensors("a", "b", twins={1: 0})
    assert held(arrange(whole, Choices(tied="drop", exclude=("a",)), "x.safetensors")) == {"x.safetensors": ["b"]}


@pytest.mark.parametrize(
    ("twin", "changes"),
    [(0, {"offset": 8}), (0, {"shape": (2, 2)}), (0, {"alias": -1}), (1, {}), (5, {}), (0, {"record": "other"})],
)
def test_a_reader_that_calls_two_tensors_the_same_is_not_believed_where_they_differ(
    twin: int, changes: dict[str, object]
) -> None:
    first = row(0, shape=(4,), strides=(1,), alias=0)
    second = row(1, **({"shape": (4,), "strides": (1,), "alias": 0, "twin": twin} | changes))
    with pytest.raises(HostileError):
        plan([first, second], SIZE)


@pytest.mark.parametrize(
    "name",
    [
        "optimizer.state.0.exp_avg",
        "optimizer_states.0.state.3.momentum_buffer",
        "optimizer_state_dict.state.0.exp_avg",
        "optim.state.0.step",
        "last_optimizer_state.state.1.exp_avg_sq",
        "policy.optimizer.pth.state.0.exp_avg",
        "generator_optimizer.state.0.exp_avg",
        "state.0.exp_avg",
        "trainer.x.state.12.square_avg",
    ],
)
def test_an_optimizers_names(name: str) -> None:
    assert is_optimizers(name)


@pytest.mark.parametrize("name", ["model.weight", "optimizers_guide", "a.state.0.weight", "state.exp_avg", "optimal.w"])
def test_names_that_are_no_optimizers(name: str) -> None:
    assert not is_optimizers(name)


def test_the_optimizers_tensors_have_a_file_of_their_own() -> None:
    whole = tensors("optimizer.state.0.step", "model.w")
    arranged = arrange(whole, Choices(split_optimizer=True), "x.safetensors")
    assert [(part.name, part.kind) for part in arranged.parts] == [
        ("x.safetensors", WEIGHTS),
        ("x.optimizer.safetensors", OPTIMIZER),
    ]


def test_what_a_file_is_a_part_of() -> None:
    parts = ["x-00001-of-00002.safetensors", "x.safetensors.index.json", "x.optimizer.safetensors", "x.safetensors"]
    parts += ["x.optimizer.safetensors.index.json", "x.optimizer-00001-of-00002.safetensors"]
    assert {whole_name(name) for name in parts} == {"x.safetensors"}
    assert [is_shard(name, "x.safetensors") for name in parts] == [True, *[False] * 5]


def test_files_are_filled_side_by_side_and_what_is_in_none_has_its_digest(
    tmp_path: Path, source: Path, source_fd: int
) -> None:
    rows = [row(0, name="a"), row(1, name="g", label="gathered"), row(2, name="b", offset=100), row(3, name="out")]
    whole = plan(rows, SIZE)
    sent = os.urandom(16)
    fds = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("one", "two")]
    targets = [Target(fds[0], (whole[2],)), Target(fds[1], whole[:2], {"c": "a", "format": "x"})]
    progress: list[int] = []
    with WeightsWriter(whole, {Label.COPIED: (source_fd,)}, targets, progress.append) as writer:
        writer.start()
        writer.data(1, sent)
        digests = writer.finish()
    raw = source.read_bytes()
    bodies = {"a": raw[:16], "g": sent, "b": raw[100:116], "out": raw[:16]}
    assert digests.tensors == tuple(blake3(bodies[tensor.name]).hexdigest() for tensor in whole)
    for name, file, target in zip(("one", "two"), digests.files, targets, strict=True):
        content = (tmp_path / name).read_bytes()
        assert (file.size, file.sha256) == (len(content), sha256(content).hexdigest())
        with safe_open(tmp_path / name, "pt") as official:
            found = {key: bytes(official.get_tensor(key).numpy()) for key in official.keys()}  # noqa: SIM118
            assert official.metadata() == {"format": "pt"} | ({"c": "a"} if name == "two" else {})
        assert found == {tensor.name: bodies[tensor.name] for tensor in target.tensors}
    assert max(progress) == writer.size + 16
    for fd in fds:
        os.close(fd)
