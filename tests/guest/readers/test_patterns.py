"""No text of a file holds up its reader: what looks at strings ends soon on what is made to make it try again."""

from __future__ import annotations

import os
import subprocess
import sys

_LIMIT = 60  # seconds for all of them: a pattern that hangs takes for ever
_LOOK_AT_ALL = """
from guest.readers import configured, decoding, restored, running, telling, templates

pieces = (
    *(needle for kind in telling.KINDS for needle in kind.needles[:4]),
    *("A", "Aa1", "%4", "%41", "a.", "1.", "1.1.1.", "::", "rm -r", "rm -" + "r" * 300, "curl |", "c\\0"),
    "def _parse_args(self, =",
    *("{{", "{{ map(", "{% x['", "_target_:", "_target_: a.", "!!python/name:"),
)
for piece in pieces:
    text = "B" * 30 + "\\n" + (piece * 65536)[:65536]
    for made in (text, text + "!"):
        list(telling.told(made))
        list(configured.names(made))
        templates.escape(made + "}}%}")
        list(decoding.inside(made, lambda head: False))
        running.kind_of(made.encode("latin-1", "replace"))
        state = made[:4096]
        restored._is_formula(state)
        restored._is_template(state)
print(len(pieces))
"""


def test_no_look_at_a_string_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK_AT_ALL],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=_LIMIT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) > 20
