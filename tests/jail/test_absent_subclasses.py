"""Absent subclasses of every known class, in one file: read and loaded in a jail, by the same names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from sandbox.controller import evaluate
from sandbox.request import Request
from tests.guest.test_absent_subclasses import MADE, PACKAGE, TENSORS, TORCH, Classes, here

__all__ = ["here"]
pytestmark = [pytest.mark.jail, pytest.mark.usefixtures("without_layers")]


def test_all_of_them_load(here: Classes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({name: make(here) for name, make in (MADE | TORCH).items()}, path)
    sys.modules.pop(PACKAGE)
    report = evaluate(Request(path, jail="bubblewrap", timeout=90, output=None))
    compared = report.comparison
    assert report.dynamic.loaded, report.dynamic.load_error
    assert report.completeness.complete
    assert (compared.differ, compared.missing, compared.extra) == ((), (), ())
    assert compared.agree >= TENSORS + len(TORCH)
