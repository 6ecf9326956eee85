"""What a malicious fixture states about itself, and the two common sorts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.facts import Verdict
from tests.malicious.pickles import Opcodes, bare, run
from tests.malicious.sources import WRITE

Alternatives = tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Fixture:
    """One malicious file and what must come out of it.

    `events`, `rules` and `static_rules` hold sets of which each must have at least one member present: the kinds of
    events, and the ids of rules after a load under `evaluate`; and the ids of rules from reading alone. The verdict
    must be at least as bad as `verdict`.
    """

    name: str
    technique: str
    build: Callable[[Path], None]
    events: Alternatives = ()
    rules: Alternatives = ()
    static_rules: Alternatives = ()
    verdict: Verdict = Verdict.MALICIOUS
    suffix: str = ".pkl"
    needs: frozenset[str] = frozenset()  # "torch": its loader needs the framework; "python": of the builder's version


def sets(*alternatives: str) -> Alternatives:
    """Each text: words of which one must be there."""
    return tuple(frozenset(words.split()) for words in alternatives)


CALLED = sets("global.dangerous.called")
PASSED = sets("global.dangerous.passed")
TORCH = frozenset({"torch"})


def direct(
    name: str,
    technique: str,
    payload: Opcodes,
    static_rules: Alternatives = CALLED,
    needs: frozenset[str] = frozenset(),
) -> Fixture:
    """A bare pickle that starts a program by pickle's own means."""
    rules = sets("event.program") + static_rules
    return Fixture(name, technique, partial(bare, payload), sets("process.exec"), rules, static_rules, needs=needs)


def source(name: str, technique: str, text: str, events: Alternatives, rules: Alternatives) -> Fixture:
    """A bare pickle whose payload is Python source. Pure Python makes no call of its own: reading alone tells it."""
    return Fixture(name, technique, partial(bare, run(text)), events, rules + CALLED, CALLED)


def writes(name: str, technique: str, *paths: str) -> Fixture:
    return source(name, technique, WRITE.format(paths=paths), sets("file.write"), sets("event.persistence"))
