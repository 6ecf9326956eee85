"""TorchScript's archives, scripted and traced, and torch.export's."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, ramp

FAMILY = Family("TorchScript and export")


class Network(torch.nn.Module):
    """Two layers, a shared weight, a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 4))
        self.tied = torch.nn.Linear(4, 3)
        self.tied.weight = self.body[0].weight
        self.register_buffer("scale", torch.arange(4.0))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Any computation that uses them all."""
        return self.body(values) * self.scale + self.tied(values).sum()


class WithConstant(torch.nn.Module):
    """A tensor that is neither a parameter nor a buffer: tracing makes it a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)
        self.constant = ramp(4) + 0.5

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The constant is used once."""
        return self.layer(values) + self.constant


class Quantized(torch.nn.Module):
    """A quantized buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w", torch.quantize_per_tensor(torch.randn(4, 3), 0.1, 2, torch.qint8))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Back to floats."""
        return values + self.w.dequantize()


@FAMILY.layout("scripted")
def scripted(path: Path) -> Expected:
    model = Network().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated
        torch.jit.script(model).save(str(path))
    return named(dict(model.state_dict()))


@FAMILY.layout("traced")
def traced(path: Path) -> Expected:
    model = Network().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, torch.ones(2, 4)).save(str(path))
    return named(dict(model.state_dict()))


@FAMILY.layout("traced_constant")
def traced_constant(path: Path) -> Expected:
    model = WithConstant().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, torch.ones(2, 4)).save(str(path))
    return named(dict(model.state_dict()) | {"CONSTANTS.c0": model.constant})


@FAMILY.layout("scripted_attribute")
def scripted_attribute(path: Path) -> Expected:
    model = WithConstant().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(model).save(str(path))
    return named(dict(model.state_dict()) | {"constant": model.constant})


@FAMILY.layout("scripted_quantized")
def scripted_quantized(path: Path) -> Expected:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Quantized().eval()
        torch.jit.script(model).save(str(path))
        values = model.get_buffer("w").int_repr()
    return named({"w.int_repr": values})


@FAMILY.layout("exported_tied", "model.pt2")
def exported(path: Path) -> Expected:
    model = Network().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model, (torch.ones(2, 4),)), path)
    return named(dict(model.state_dict()))
