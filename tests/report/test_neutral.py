"""Nothing that acts on a terminal, or fools its reader, survives."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.report.neutral import ELLIPSIS, MARK, neutral, visible

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("untrusted", "shown"),
    [
        ("layer.0.weight", "layer.0.weight"),
        ("größe 重み", "größe 重み"),
        ("\x1b[31mred\x1b[0m", f"{MARK}[31mred{MARK}[0m"),
        ("\x1b]8;;http://x\x07y", f"{MARK}]8;;http://x{MARK}y"),
        ("\x9b31m", f"{MARK}31m"),
        ("a\nb\r\tc", f"a{MARK}b{MARK}{MARK}c"),
        ("a\u2028b\u2029", f"a{MARK}b{MARK}"),
        ("\u202etp.exe", f"{MARK}tp.exe"),
        ("ze\u200bro\ufeff", f"ze{MARK}ro{MARK}"),
        ("tag\U000e0041", f"tag{MARK}"),
        ("\ud800", MARK),
        ("\ue000\u3164\ufe0f\u2800", MARK * 4),
        ("a\u00a0b\u3000c", "a b c"),
        ("e\u0301", "e\u0301"),
        ("z" + "\u0301" * 5, "z\u0301\u0301" + MARK * 3),
    ],
)
def test_what_can_not_be_seen_is_marked(untrusted: str, shown: str) -> None:
    assert visible(untrusted) == shown


def test_a_line_is_cut_with_an_ellipsis_and_blanks_can_not_push_words_about() -> None:
    assert neutral("x" * 10, 10) == "x" * 10
    assert neutral("x" * 11, 10) == "x" * 9 + ELLIPSIS
    assert neutral("a" + " " * 90 + "CLEAN") == "a CLEAN"
    assert neutral("a" + "\u3000" * 90 + "CLEAN") == "a CLEAN"


@given(ANY_TEXT, st.integers(1, 50))
def test_only_plain_characters_leave(untrusted: str, limit: int) -> None:
    shown = neutral(untrusted, limit)
    assert len(shown) <= limit
    assert not {category(letter) for letter in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(visible(untrusted)) == len(untrusted)
    assert visible(visible(untrusted)) == visible(untrusted)
    shown.encode("utf-8")
