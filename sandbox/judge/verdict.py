"""Findings -> one judgement. The worst finding decides; nothing that is added ever improves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.facts import Completeness, Evidence, Finding, Judgement, Verdict
from sandbox.judge import comparison, completeness, dynamic, limits, phases, second_look, spelling, static
from sandbox.judge.dynamic import Fact
from sandbox.judge.rules import SEVERITIES, EventWhen, FactWhen, Match, Rule, Rules

WORST_FIRST = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.INCONCLUSIVE, Verdict.UNEXECUTED, Verdict.CLEAN)
MAX_EVIDENCE = 8  # lines of proof for each finding; the rest is counted
MAX_LINE = 400
MAX_FILLED = 160  # characters of the attacker's text in a sentence
MAX_REASONS = 5
MAX_PLACES = 20  # addresses in one line of proof
MAX_PLACE = 60

_REACHING = frozenset({"net.connect", "net.send"})


def judge(evidence: Evidence, rules: Rules) -> Judgement:
    """The judgement on one evaluation. Pure, and the same for the same evidence."""
    by_rule = _by_rule(_matches(evidence, rules))
    found = [_finding(rule, by_rule[rule.id]) for rule in rules.rows if rule.id in by_rule]
    found.sort(key=lambda finding: (WORST_FIRST.index(finding.verdict), SEVERITIES.index(finding.severity)))
    quiet = Verdict.CLEAN if evidence.dynamic.asked else Verdict.UNEXECUTED
    verdict = min((quiet, *(finding.verdict for finding in found)), key=WORST_FIRST.index)
    missing = tuple(finding.explanation for finding in found if finding.verdict is Verdict.INCONCLUSIVE)
    reasons = tuple(finding.explanation for finding in found if finding.verdict is verdict is not quiet)
    return Judgement(
        verdict,
        _summary(verdict, found, by_rule, evidence),
        reasons[:MAX_REASONS],
        tuple(found),
        Completeness(not missing, missing),
        limits.not_examined(evidence, rules),
    )


def _matches(evidence: Evidence, rules: Rules) -> Iterator[Match]:
    yield from dynamic.matches(rules, evidence.dynamic)
    yield from static.matches(rules, evidence.static)
    rows = {when.fact: row for row, when in rules.of(FactWhen)}
    yield from _fact_matches(second_look.secrets(evidence.dynamic, evidence.decoys, evidence.planted), rows)
    yield from _fact_matches(comparison.facts(evidence.comparison, evidence.dynamic), rows)
    yield from _fact_matches(phases.facts(evidence.dynamic), rows)
    yield from _fact_matches(completeness.facts(evidence, rules.formats), rows)


def _fact_matches(facts: Iterable[Fact], rows: Mapping[str, Rule]) -> Iterator[Match]:
    for fact, line, subject, detail in facts:
        if fact in rows:
            yield Match(rows[fact], line, subject, detail)


def _by_rule(matches: Iterable[Match]) -> dict[str, list[Match]]:
    by_rule: dict[str, list[Match]] = {}
    for match in matches:
        by_rule.setdefault(match.rule.id, []).append(match)
    return by_rule


def _finding(rule: Rule, matches: list[Match]) -> Finding:
    lines = [_cut(match.evidence, MAX_LINE) for match in matches[:MAX_EVIDENCE]]
    lines[:0] = _places(rule, matches)
    if len(matches) > MAX_EVIDENCE:
        lines.append(f"and {len(matches) - MAX_EVIDENCE} more")
    techniques = dict.fromkeys((*rule.techniques, *(name for match in matches for name in match.techniques)))
    text = _fill(rule.explanation, matches)
    return Finding(rule.id, rule.title, rule.severity, rule.verdict, text, tuple(lines), tuple(techniques))


def _places(rule: Rule, matches: list[Match]) -> list[str]:
    """One line with all the addresses that a rule on connections took, where there are several."""
    connects = isinstance(rule.when, EventWhen) and set(rule.when.kinds) <= _REACHING
    places = [
        _cut(spelling.without_arrows(place), MAX_PLACE) for place in dict.fromkeys(match.subject for match in matches)
    ]
    if not connects or len(places) < 2:
        return []
    more = f" and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
    return [f"{len(places)} addresses: {', '.join(places[:MAX_PLACES])}{more}"]


def _fill(template: str, matches: list[Match]) -> str:
    first = matches[0]
    return template.format(
        subject=_cut(first.subject, MAX_FILLED),
        detail=_cut(first.detail, MAX_FILLED),
        does=first.does,
        count=len(matches),
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _summary(verdict: Verdict, found: list[Finding], by_rule: Mapping[str, list[Match]], evidence: Evidence) -> str:
    """One plain sentence for a person in a hurry."""
    if verdict is Verdict.UNEXECUTED:
        return f"Read but not loaded: {_quiet(found, evidence)}."
    if verdict is Verdict.CLEAN:
        tensors = evidence.comparison.agree + len(evidence.comparison.missing)
        counted = "no tensors" if not tensors else f"{tensors} tensor{'' if tensors == 1 else 's'}"
        return f"Ordinary checkpoint: {counted}, {_quiet(found, evidence)}."
    worst = found[0]
    if verdict is Verdict.INCONCLUSIVE:
        return f"Could not be judged: {worst.explanation}"
    matches = by_rule[worst.rule]
    return _fill(matches[0].rule.summary or matches[0].rule.explanation, matches)


def _quiet(found: list[Finding], evidence: Evidence) -> str:
    programs = limits.programs(evidence)
    if programs:
        return f"with {' and '.join(programs)} whose code was not read"
    if any(finding.rule == "folder.code" for finding in found):
        return "with Python code beside the weights, which is nothing that loading them runs"
    if any(finding.rule == "absent" or finding.rule.startswith("global.unknown") for finding in found):
        return "with objects of unknown or absent classes, and nothing of it ran code here"
    return "nothing in it can run code"
