"""Findings -> one judgement. The worst finding decides; nothing that is added ever improves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.facts import NOWHERE, Cite, Completeness, Evidence, Finding, Judgement, Silenced, Technique, Verdict
from sandbox.judge import comparison, completeness, dynamic, limits, phases, second_look, spelling, static
from sandbox.judge.conditions import EventWhen, FactWhen
from sandbox.judge.dynamic import Fact
from sandbox.judge.rules import SEVERITIES, Match, Rule, Rules
from sandbox.judge.summary import cut, filled, summary

WORST_FIRST = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.INCONCLUSIVE, Verdict.UNEXECUTED, Verdict.CLEAN)
MAX_EVIDENCE = 8  # lines of proof for each finding; the rest is counted
MAX_LINE = 400
MAX_REASONS = 5
MAX_PLACES = 20  # addresses in one line of proof
MAX_PLACE = 60

_REACHING = frozenset({"net.connect", "net.send"})


def judge(evidence: Evidence, rules: Rules) -> Judgement:
    """The judgement on one evaluation. Pure, and the same for the same evidence."""
    heard, silenced = _by_rule(rules, evidence)
    found = [_finding(rules, rule, heard[rule.id]) for rule in (*rules.rows, *rules.added) if rule.id in heard]
    found.sort(key=lambda finding: (WORST_FIRST.index(finding.verdict), SEVERITIES.index(finding.severity)))
    quiet = Verdict.CLEAN if evidence.dynamic.asked else Verdict.UNEXECUTED
    verdict = min((quiet, *(finding.verdict for finding in found)), key=WORST_FIRST.index)
    missing = tuple(finding.explanation for finding in found if finding.verdict is Verdict.INCONCLUSIVE)
    reasons = tuple(finding.explanation for finding in found if finding.verdict is verdict is not quiet)
    return Judgement(
        verdict,
        summary(verdict, found, heard, silenced, evidence),
        reasons[:MAX_REASONS],
        tuple(found),
        Completeness(not missing, missing),
        limits.not_examined(evidence, rules),
        silenced,
    )


def _by_rule(rules: Rules, evidence: Evidence) -> tuple[dict[str, list[Match]], tuple[Silenced, ...]]:
    """What each rule took, by its id; and what a user's rules keep out of the verdict."""
    heard: dict[str, list[Match]] = {}
    silent: dict[tuple[str, str], list[Match]] = {}
    for book in rules.books():
        for match in _matches(evidence, book):
            silence = rules.silence(match)
            if silence:
                silent.setdefault((match.rule.id, silence.reason), []).append(match)
            else:
                heard.setdefault(match.rule.id, []).append(match)
    rows = (
        Silenced(rule, took[0].rule.title, took[0].rule.verdict, len(took), cut(took[0].evidence, MAX_LINE), reason)
        for (rule, reason), took in silent.items()
    )
    return heard, tuple(rows)


def _matches(evidence: Evidence, rules: Rules) -> Iterator[Match]:
    yield from dynamic.matches(rules, evidence.dynamic)
    yield from static.matches(rules, evidence.static)
    rows = {when.fact: row for row, when in reversed(rules.of(FactWhen))}  # the first of two takes it
    yield from _fact_matches(second_look.secrets(evidence.dynamic, evidence.decoys, evidence.planted), rows)
    yield from _fact_matches(comparison.facts(evidence.comparison, evidence.dynamic), rows)
    yield from _fact_matches(phases.facts(evidence.dynamic), rows)
    yield from _fact_matches(completeness.facts(evidence, rules.formats), rows)


def _fact_matches(facts: Iterable[Fact], rows: Mapping[str, Rule]) -> Iterator[Match]:
    for fact, line, subject, detail in facts:
        if fact in rows:
            cite = Cite(tensor=subject) if fact in comparison.OF_TENSORS else NOWHERE
            yield Match(rows[fact], line, subject, detail, cite=cite)


def _finding(rules: Rules, rule: Rule, matches: list[Match]) -> Finding:
    lines = [cut(match.evidence, MAX_LINE) for match in matches[:MAX_EVIDENCE]]
    lines[:0] = _places(rule, matches)
    if len(matches) > MAX_EVIDENCE:
        lines.append(f"and {len(matches) - MAX_EVIDENCE} more")
    techniques = dict.fromkeys((*rule.techniques, *(name for match in matches for name in match.techniques)))
    return Finding(
        rule=rule.id,
        family=rule.family,
        title=rule.title,
        severity=rule.severity,
        confidence=rule.confidence,
        verdict=rule.verdict,
        explanation=filled(rule.explanation, matches),
        evidence=tuple(lines),
        cites=tuple(match.cite for match in matches[:MAX_EVIDENCE] if match.cite != NOWHERE),
        techniques=tuple(rules.techniques.get(name, Technique(name)) for name in techniques),
        advice=rule.advice,
        reason=rule.reason,
    )


def _places(rule: Rule, matches: list[Match]) -> list[str]:
    """One line with all the addresses that a rule on connections took, where there are several."""
    connects = isinstance(rule.when, EventWhen) and set(rule.when.kinds) <= _REACHING
    places = [
        cut(spelling.without_arrows(place), MAX_PLACE) for place in dict.fromkeys(match.subject for match in matches)
    ]
    if not connects or len(places) < 2:
        return []
    more = f" and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
    return [f"{len(places)} addresses: {', '.join(places[:MAX_PLACES])}{more}"]
