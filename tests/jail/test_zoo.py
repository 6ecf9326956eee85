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
from tests.zoo import ZOO, suffix
from tests.zoo_archives import ARCHIVES, SUFFIXES

pytestmark = [pytest.mark.jail, pytest.mark.usefixtures("without_layers")]

# One of each way in which a load differs: the whole zoo runs in the jail that starts fastest.
IN_EVERY_JAIL = ["state_dict", "legacy_state_dict", "views", "dtypes", "absent_module", "pickle_arrays_4", "optimizer"]


def check(name: str, jail: str, folder: Path, **options: Any) -> None:
    model = folder / f"model{SUFFIXES.get(name) or suffix(name)}"
    expected = (ZOO | ARCHIVES)[name](model)
    output = folder / "out.safetensors"
    report = evaluate(Request(model, output=output, jail=jail, **options))
    assert report.verdict == Verdict.CLEAN, (report.summary, report.findings)
    assert report.comparison.agree == len(expected)
    assert not report.comparison.differ
    if not expected:
        assert not output.exists()
        return
    assert converted(output) == expected
    assert not verify(output, model).mismatches


# Importing torch takes gVisor five seconds.
IN_GVISOR = ["legacy_state_dict", "views", "pickle_arrays_4"]

# One of each loader that opens archives; the readers' tests go through all of them.
HELD = ["gzip_pickle", "tar_xz", "torch_tar", "stable_baselines"]

CASES = [
    *(("bubblewrap", name) for name in [*sorted(ZOO), *HELD]),
    *(("docker", name) for name in IN_EVERY_JAIL),
    *(("gvisor", name) for name in IN_GVISOR),
]


@pytest.mark.parametrize(("jail", "name"), [case for case in CASES if case[0] in JAILS])
def test_layout(jail: str, name: str, tmp_path: Path) -> None:
    check(name, jail, tmp_path)


FREE = [
    *(("bubblewrap", name) for name in IN_EVERY_JAIL),
    *(("docker", name) for name in IN_EVERY_JAIL[:3]),
    *(("gvisor", name) for name in IN_GVISOR[::2]),
]


@pytest.mark.parametrize(("jail", "name"), [case for case in FREE if case[0] in JAILS])
def test_a_clean_file_that_may_do_what_it_likes_stays_clean(jail: str, name: str, tmp_path: Path) -> None:
    check(name, jail, tmp_path, policy="detonate", exercise=True, clock=400 * 86400.0, persona="gpu-vm")
