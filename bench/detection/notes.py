"""Answers as they come, a line each, so that a run that was stopped can go on where it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TypeVar

from bench.detection.ours import Said
from bench.detection.peers import Answer

T = TypeVar("T", Said, Answer)


class Notes:
    """`path` None: nothing is kept. What is kept is of one state of the code and the corpus; nobody checks that."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[tuple[str, str], dict[str, object]] = {}
        if path and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                tool, sample, answer = json.loads(line)
                self._known[tool, sample] = answer

    def known(self, tool: str, sample: str) -> dict[str, object] | None:
        """The answer's fields, if it was given before."""
        return self._known.get((tool, sample))

    def once(self, tool: str, sample: str, parse: Callable[[dict[str, object]], T], ask: Callable[[], T]) -> T:
        """The answer that is kept, or else a new one, which is kept from now on."""
        before = self.known(tool, sample)
        if before is not None:
            return parse(before)
        answer = ask()
        if self._path:
            with self._lock, self._path.open("a", encoding="utf-8") as file:
                print(json.dumps([tool, sample, asdict(answer)]), file=file)
        return answer
