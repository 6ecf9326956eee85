"""The rows of the abuse table: what is tried, what must come of it, and what the report must say.

Acts are cheap: all those of one `Load` run in one jail, and each prints its outcome. A `Case` is a whole run of its
own: a bomb, a hostile guest on the wire, a hostile host. A `Limit` is something nobody promises, which the report must
admit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.facts import Event, Report

if TYPE_CHECKING:
    from tests.abuse.bench import Bench

REFUSED = r"refused E[A-Z0-9]+"  # what an act prints that raised an OSError
SEEN = frozenset({"continued"})  # the answers of a row whose call can do no harm, and so goes on
NO_JAIL = "none"  # where the host's own code alone is on trial


@dataclass(frozen=True)
class Evidence:
    """What one row showed in one jail. Without anything that varies from run to run: no times, no pids, no paths."""

    contained: str
    recorded: str


@dataclass(frozen=True)
class Differs:
    """What holds in one jail instead of the row's own, and why. Whatever is None stays as it is."""

    jail: str
    why: str
    contained: str | None = None
    kind: str | None = None
    detail: dict[str, str] | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Act:
    """One thing that a payload tries, among others in the same load.

    `source` is an expression, or the lines of a function's body with a `return`. It prints its value, `refused` and the
    name of the errno when it raised an OSError, or `refused` and the exception's name. `contained` is a pattern for the
    whole of that. The report must hold an event of `kind` whose `detail` begins with these texts (`call` is the
    call's name), or, without a kind, a finding of `rule`; with both, both.
    """

    number: str
    title: str
    source: str
    kind: str = ""
    detail: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    contained: str = REFUSED
    answers: frozenset[str] = frozenset({"denied", "faked"})
    differs: tuple[Differs, ...] = ()

    def judged(self, jail: str, outcome: str, report: Report) -> Evidence:
        """What it showed in that jail. Raises AssertionError when it was not contained or not recorded."""
        there = next((row for row in self.differs if row.jail == jail), Differs(jail, ""))
        pattern = self.contained if there.contained is None else there.contained
        kind = self.kind if there.kind is None else there.kind
        detail = self.detail if there.detail is None else there.detail
        rule = self.rule if there.rule is None else there.rule
        assert re.fullmatch(pattern, outcome), f"not contained: {outcome!r}"
        assert kind or rule, "the row names neither an event nor a finding"
        recorded = [self._event(report, kind, detail)] if kind else []
        recorded += [finding(report, rule)] if rule else []
        why = f" ({there.why})" if there.why else ""
        return Evidence(outcome, "; ".join(recorded) + why)

    def _event(self, report: Report, kind: str, detail: dict[str, str]) -> str:
        found = [event for event in report.dynamic.events if holds(event, kind, detail)]
        assert found, [event for event in report.dynamic.events if event.kind == kind]
        answers = {event.answer for event in found}
        assert answers <= self.answers, found
        told = "".join(f" {key}={text}" for key, text in detail.items())
        return f"event {kind}{told}, {' or '.join(sorted(answers))}"


@dataclass(frozen=True)
class Load:
    """Acts that run one after the other in one load. `prelude` comes before them; `options` are `Request`'s."""

    name: str
    acts: tuple[Act, ...]
    prelude: str = ""
    options: dict[str, Any] = field(default_factory=dict)


# Docker's load is watched as bubblewrap's is, and what gVisor's guest says comes by Docker, too.
EACH_OBSERVER = ("bubblewrap", "gvisor")
EACH_CHANNEL = ("bubblewrap", "docker")


@dataclass(frozen=True)
class Case:
    """A run of its own: `run` asserts, and tells what it saw. `jails`: only there, where the jail changes nothing.

    `root`: what makes the case takes root (a mount, a mask that only root sees through), not the evaluation.
    """

    number: str
    title: str
    run: Callable[[Bench], Evidence]
    jails: tuple[str, ...] = ()
    root: bool = False


@dataclass(frozen=True)
class Limit:
    """What is not promised. A line of the report's `not_examined` must hold `words`."""

    number: str
    title: str
    words: str
    why: str


Row = Act | Case | Limit


def holds(event: Event, kind: str, detail: dict[str, str]) -> bool:
    """Whether it is of that kind, and its details begin with these texts; `call` among them is the call's name."""
    told = {"call": event.call} | event.detail
    return event.kind == kind and all(told.get(key, "").startswith(text) for key, text in detail.items())


def finding(report: Report, rule: str) -> str:
    """That finding as evidence. Raises AssertionError when the report has none."""
    found = [row for row in report.findings if row.rule == rule]
    assert found, [row.rule for row in report.findings]
    return f"finding {rule}, {found[0].verdict}"
