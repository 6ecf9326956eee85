"""The table of real checkpoints, from reports; nothing is evaluated here."""

from __future__ import annotations

from pathlib import Path

from bench.compatibility import page, row

REPORT = {
    "verdict": "clean",
    "reasons": [],
    "not_written": "",
    "formats": [{"name": "torch-zip"}],
    "tensors": {"copied": {"tensors": 3}, "gathered": {"tensors": 0}, "decoded": {"tensors": 1}},
}


def test_rows_are_sorted_and_name_no_path_of_the_machine(tmp_path: Path) -> None:
    for name in ("b.pt", "a.pkl"):
        (tmp_path / name).write_bytes(bytes(2000))
    refused = {"verdict": "inconclusive", "reasons": [f"{tmp_path}/a.pkl: not | read"], "formats": []}
    rows = [
        row(tmp_path / "b.pt", tmp_path, REPORT, (0, ""), 1.5, "yes"),
        row(tmp_path / "a.pkl", tmp_path, refused, (2, ""), 0.5, "-"),
    ]
    text = page(rows, "bubblewrap", "a machine")
    assert "| a.pkl | 2 | - | - | inconclusive | 2 | 0.50 | - |\n| b.pt | 2 | torch-zip | copied 3, decoded 1 |" in text
    assert "2 files: 1 converted, 1 not; 1 clean, 1 inconclusive." in text
    assert "| a.pkl | a.pkl: not / read |" in text
    assert str(tmp_path) not in text


def test_a_command_that_gave_no_report_is_told_by_its_complaint(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    told = row(tmp_path / "x", tmp_path, {}, (3, "sandbox-load: no jail works here\n"), 0.1, "-")
    assert (told.verdict, told.exit_code, told.reason) == ("-", 3, "sandbox-load: no jail works here")
