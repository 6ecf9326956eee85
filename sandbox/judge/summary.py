"""One plain sentence for a person in a hurry: what the file does, or that it is an ordinary checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.facts import Evidence, Finding, Silenced, Verdict
from sandbox.judge import limits
from sandbox.judge.rules import Match

MAX_FILLED = 160  # characters of the attacker's text in a sentence


def summary(
    verdict: Verdict,
    found: Sequence[Finding],
    heard: Mapping[str, Sequence[Match]],
    silenced: Sequence[Silenced],
    evidence: Evidence,
) -> str:
    """`found`: worst first. `heard`: what each rule took, by its id."""
    spoiling = sum(row.count for row in silenced if row.verdict is not Verdict.CLEAN)
    spoiling += sum(
        len(took) for took in heard.values() if took[0].rule.spoils and took[0].rule.verdict is Verdict.CLEAN
    )
    beside = f" {spoiling} that would spoil this: your own rules say that they don't." if spoiling else ""
    if verdict in (Verdict.CLEAN, Verdict.UNEXECUTED):
        quiet = "nothing was found but what your own rules let pass" if spoiling else _quiet(found, evidence)
        return f"{_ordinary(verdict, evidence)}{quiet}.{beside}"
    worst = found[0]
    if verdict is Verdict.INCONCLUSIVE:
        return f"Could not be judged: {worst.explanation}{beside}"
    matches = heard[worst.rule]
    return filled(matches[0].rule.summary or matches[0].rule.explanation, matches) + beside


def _ordinary(verdict: Verdict, evidence: Evidence) -> str:
    if verdict is Verdict.UNEXECUTED:
        return "Read but not loaded: "
    tensors = evidence.comparison.agree + len(evidence.comparison.missing)
    counted = "no tensors" if not tensors else f"{tensors} tensor{'' if tensors == 1 else 's'}"
    return f"Ordinary checkpoint: {counted}, "


def _quiet(found: Sequence[Finding], evidence: Evidence) -> str:
    programs = limits.programs(evidence)
    if programs:
        return f"with {' and '.join(programs)} whose code was searched and not run"
    rules = {finding.rule for finding in found}
    return next((said for named, said in _SAYING if rules & named), "nothing in it can run code")


# What an ordinary checkpoint may have, worst first.
_SAYING = (
    ({"folder.code.named"}, "with Python code beside the weights that the pickle names: loading may run it"),
    ({"folder.code"}, "with Python code beside the weights, which is nothing that loading them runs"),
    ({"folder.program"}, "with a program beside the weights, which is nothing that loading them runs"),
    (
        {"absent", "global.unknown.made", "global.unknown.bare", "global.unknown.member"}
        | {"global.unknown.plain", "global.unknown.rebuilt"},
        "with objects of unknown or absent classes, and nothing of it ran code here",
    ),
    ({"oddity.kept"}, "with hooks that run when it is used, and nothing that loading it runs"),
    ({"oddity.template"}, "with a chat template that a tokenizer runs, and nothing that loading it runs"),
    ({"text.beyond"}, "nothing was found that can run code, and not all of its strings were looked at"),
)


def filled(template: str, matches: Sequence[Match]) -> str:
    """A rule's sentence, its placeholders filled by the first that it took, and how many those are."""
    first = matches[0]
    return template.format(
        subject=cut(first.subject, MAX_FILLED),
        detail=cut(first.detail, MAX_FILLED),
        does=first.does,
        count=len(matches),
    )


def cut(text: str, limit: int) -> str:
    """At most so many characters; what is gone shows."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
