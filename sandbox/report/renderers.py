"""What a report can be written as. A new format is one file and one row."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.facts import Report
from sandbox.report.as_json import as_json
from sandbox.report.text import text

Renderer = Callable[[Report], str]

RENDERERS: dict[str, Renderer] = {
    "text": text,
    "json": as_json,
}
