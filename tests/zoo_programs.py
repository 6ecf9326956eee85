"""The zoo's programs: what torch.jit and torch.export write. Importing this adds the `programs` to it."""

from __future__ import annotations

import functools
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.zoo import Build, Expected, expected, layout, ramp

torch.backends.quantized.engine = "fbgemm"


def quietly(build: Build) -> Build:
    """torch warns of all that it means to give up one day."""

    def built(path: Path) -> Expected:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build(path)

    return built


def programs(name: str) -> Callable[[Build], Build]:
    return lambda build: layout(name)(quietly(build))


CAPTURED = ramp(3)


class Net(torch.nn.Module):
    """Parameters, tied ones, both kinds of buffers, and tensors in attributes that no state_dict has."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.tied = self.linear.weight
        self.kept = torch.nn.Buffer(ramp(3))
        self.unkept = torch.nn.Buffer(ramp(2), persistent=False)
        self.listed = [ramp(2), ramp(1, 3)]
        self.keyed = {"a": ramp(4)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x + self.kept) + self.unkept + self.listed[0] + self.keyed["a"].sum()


def module_tensors(net: Net) -> dict[str, torch.Tensor]:
    return {
        **net.state_dict(),
        "unkept": net.unkept,
        "listed.0": net.listed[0],
        "listed.1": net.listed[1],
        "keyed.a": net.keyed["a"],
    }


def _expected(tensors: dict[str, Any]) -> Expected:
    return {name: expected(value) for name, value in tensors.items()}


@programs("script_module")
def script_module(path: Path) -> Expected:
    net = Net()
    torch.jit.script(net).save(str(path))
    return _expected(module_tensors(net))


@quietly
def script_constants(path: Path) -> Expected:
    """A traced function keeps the tensors that it closes over with its code."""
    torch.jit.trace(lambda x: x + CAPTURED, torch.ones(3)).save(str(path))
    return _expected({"CONSTANTS.c0": CAPTURED})


def quantized() -> torch.nn.Module:
    """A convolution by channels, a linear layer by channels, and a dynamic one by the whole."""
    kinds = torch.ao.quantization
    inner = torch.nn.Sequential(kinds.QuantStub(), torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 3))
    inner.qconfig = kinds.get_default_qconfig("fbgemm")
    prepared = kinds.prepare(inner.eval())
    prepared(torch.ones(1, 1, 4, 4))
    dynamic = kinds.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(3, 2)))
    return torch.nn.Sequential(kinds.convert(prepared), dynamic)


@programs("script_quantized")
def script_quantized(path: Path) -> Expected:
    net = quantized()
    torch.jit.script(net).save(str(path))
    stub, convolution, _, linear = net[0]
    weights = {"0.1.10": convolution.weight(), "0.3._packed_params._packed_params.0": linear.weight()}
    tensors = {"0.0.scale": stub.scale, "0.0.zero_point": stub.zero_point, "0.1.11": convolution.bias()}
    for name, weight in weights.items():
        tensors[f"{name}.int_repr"] = weight.int_repr()
        tensors[f"{name}.scales"] = weight.q_per_channel_scales()
        tensors[f"{name}.zero_points"] = weight.q_per_channel_zero_points()
    tensors["0.3._packed_params._packed_params.1"] = linear.bias()
    tensors["1.0._packed_params._packed_params.0.int_repr"] = net[1][0].weight().int_repr()
    tensors["1.0._packed_params._packed_params.1"] = net[1][0].bias()
    return _expected(tensors)


@functools.cache
def program() -> tuple[torch.export.ExportedProgram, Expected]:
    net = Net()
    made = torch.export.export(net, (torch.ones(1, 3),))
    constants = {name: value for name, value in made.constants.items() if isinstance(value, torch.Tensor)}
    return made, _expected({**net.state_dict(), **constants})


@programs("exported")
def exported(path: Path) -> Expected:
    made, tensors = program()
    held = io.BytesIO()
    torch.export.save(made, held)
    path.write_bytes(held.getvalue())
    return tensors


@quietly
def exported_old(path: Path) -> Expected:
    """As torch.export.save wrote it before 2.8."""
    from torch._export.serde.serialize import serialize

    made, tensors = program()
    parts = serialize(made)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", parts.exported_program)
        archive.writestr("serialized_state_dict.pt", parts.state_dict)
        archive.writestr("serialized_constants.pt", parts.constants)
        archive.writestr("serialized_example_inputs.pt", parts.example_inputs)
        archive.writestr("version", "5.1")
    return tensors


@quietly
def dynamic_program(path: Path) -> Expected:
    """One that computes sizes."""
    net = Net()
    shapes = ({0: torch.export.Dim("batch", min=2, max=64)},)
    held = io.BytesIO()
    torch.export.save(torch.export.export(net, (torch.ones(4, 3),), dynamic_shapes=shapes), held)
    path.write_bytes(held.getvalue())
    return {}
