"""Ordinary checkpoints of every layout: clean, and the output is what torch and numpy themselves hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.controller import evaluate
from sandbox.facts import Verdict
from sandbox.request import Request
from sandbox.weights.verify import verify
from tests.jail.conftest import JAILS
from tests.written import converted
from tests.zoo import ZOO, Expected, suffix
from tests.zoo_archives import ARCHIVES, SUFFIXES

pytestmark = [pytest.mark.jail, pytest.mark.usefixtures("without_layers")]

# One of each loader, alone: names have nothing in front of them, and without tensors there is no output.
ALONE = [
    *("state_dict", "legacy_state_dict", "optimizer", "absent_module", "bare_tensor", "no_tensors", "pickle_arrays_4"),
    *("npy_plain", "npz_deflated", "joblib_plain", "script_module", "exported"),
    *("gzip_pickle", "tar_xz", "torch_tar", "stable_baselines"),
]

# The others lie beside each other in folders, each of which is one load, since importing torch is what takes the time:
# two seconds, and five in gVisor. In bubblewrap every layout; what another jail could lack is found by one of each.
FOLDERS = 4
SAMPLE = [
    "legacy_state_dict",
    "views",
    "dtypes",
    "absent_module",
    "pickle_arrays_4",
    "npz_deflated",
    "script_module",
    "tar_xz",
]


def write(name: str, folder: Path) -> tuple[Path, Expected]:
    model = folder / f"{name}{SUFFIXES.get(name) or suffix(name)}"
    return model, (ZOO | ARCHIVES)[name](model)


def check(model: Path, expected: Expected, jail: str, **options: Any) -> None:
    output = model.parent / "out.safetensors"
    report = evaluate(Request(model, output=output, jail=jail, timeout=90, **options))
    assert report.verdict == Verdict.CLEAN, (report.summary, report.findings)
    assert report.comparison.agree == len(expected)
    assert not report.comparison.differ
    if not expected:
        assert not output.exists()
        return
    written = converted(output)
    assert written.keys() == expected.keys()
    assert [name for name in expected if written[name] != expected[name]] == []
    assert not verify(output, model).mismatches


CASES = [*(("bubblewrap", name) for name in ALONE), ("docker", "state_dict"), ("gvisor", "gzip_pickle")]


@pytest.mark.parametrize(("jail", "name"), [case for case in CASES if case[0] in JAILS])
def test_layout(jail: str, name: str, tmp_path: Path) -> None:
    check(*write(name, tmp_path), jail)


BESIDE = [
    *(("bubblewrap", sorted(ZOO.keys() - ALONE)[start::FOLDERS]) for start in range(FOLDERS)),
    *((jail, SAMPLE) for jail in ("docker", "gvisor")),
]


@pytest.mark.parametrize(
    ("jail", "names"),
    [case for case in BESIDE if case[0] in JAILS],
    ids=lambda value: value if value in JAILS else value[0],
)
def test_layouts_beside_each_other(jail: str, names: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    written = [write(name, folder) for name in names]
    check(folder, {f"{path.name}.{name}": row for path, rows in written for name, row in rows.items()}, jail)


# One of each way in which a load differs.
FREE = [
    *(("bubblewrap", name) for name in ("state_dict", "legacy_state_dict", "absent_module", "pickle_arrays_4")),
    *(("docker", "absent_module"), ("gvisor", "pickle_arrays_4")),
]


@pytest.mark.parametrize(("jail", "name"), [case for case in FREE if case[0] in JAILS])
def test_a_clean_file_that_may_do_what_it_likes_stays_clean(jail: str, name: str, tmp_path: Path) -> None:
    check(*write(name, tmp_path), jail, policy="detonate", exercise=True, clock=400 * 86400.0, persona="gpu-vm")
