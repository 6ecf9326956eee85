"""The report as JSON: ASCII, of the schema in docs/report.schema.json."""

from __future__ import annotations

import base64
import json
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any

from sandbox.facts import SCHEMA, Artifact, DynamicFacts, Finding, JailFacts, Report
from sandbox.report.neutral import visible

MOST_CONTENT = 4 << 10  # bytes of a file that the load left; the whole is in the bundle of --evidence


def plain(value: Any) -> Any:
    """Frozen types as JSON's own; no text, whoever wrote it, acts on a terminal or reads backwards."""
    if isinstance(value, str):
        return visible(str(value))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {visible(str(key)): plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {spec.name: plain(getattr(value, spec.name)) for spec in fields(value)}
    return [plain(item) for item in value]


def _jail(jail: JailFacts) -> dict[str, Any]:
    return {
        "name": jail.name,
        "version": jail.version,
        "runtime": jail.runtime,
        "uid": jail.uid,
        "code_sha256": jail.code_sha256,
        "hardening": [{"flag": flag, "reason": reason} for flag, reason in jail.hardening],
        "inside": jail.inside,
        "layers": jail.layers,
    }


def _observer(dynamic: DynamicFacts) -> dict[str, Any]:
    return {
        "name": dynamic.observer,
        "armed": dynamic.armed,
        "armed_at": dynamic.armed_at,
        "tasks": dynamic.tasks,
        "dropped": dynamic.dropped,
        "unreadable": dynamic.unreadable,
        "decoy_overflow": dynamic.decoy_overflow,
        "outlived_loader": dynamic.observer_outlived_loader,
        "ended": dynamic.ended,
    }


def _load(dynamic: DynamicFacts) -> dict[str, Any]:
    return {
        "asked": dynamic.asked,
        "completed": dynamic.loaded,
        "error": dynamic.load_error,
        "imported": dynamic.imported,
        "process": dynamic.end,
    }


def _conversations(report: Report) -> list[dict[str, Any]]:
    """Each with what it says in a line."""
    rows = zip_longest(report.dynamic.conversations, report.talks)
    return [vars(row) | {"summary": talk.summary if talk else ""} for row, talk in rows if row]


def _finding(finding: Finding) -> dict[str, Any]:
    """Its cites without what they don't say."""
    cites = [{key: value for key, value in vars(cite).items() if value not in (None, "")} for cite in finding.cites]
    return vars(finding) | {"cites": cites}


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return vars(artifact) | {"content": artifact.content[:MOST_CONTENT]}


def to_dict(report: Report) -> dict[str, Any]:
    """The report as JSON's own types."""
    static, dynamic = report.static, report.dynamic
    top = {
        "schema": SCHEMA,
        "tool": report.tool,
        "verdict": report.verdict,
        "summary": report.summary,
        "reasons": report.reasons,
        "exit_code": int(report.exit_code),
        "input": report.input,
        "policy": report.policy,
        "persona": report.persona,
        "jail": _jail(report.jail),
        "observer": _observer(dynamic),
        "completeness": report.completeness,
        "findings": [_finding(finding) for finding in report.findings],
        "silenced": report.silenced,
        "rules": report.rules,
        "read": {"complete": static.complete, "reason": static.reason, "process": static.end},
        "load": _load(dynamic),
        "events": dynamic.events,
        "event_counts": dynamic.counts,
        "formats": static.formats,
        "globals": static.globals,
        "absent": dynamic.absent,
        "oddities": static.oddities,
        "strings": static.texts,
        "hints": dynamic.hints,
        "printed": [{"stream": stream, "text": text, "total": total} for stream, text, total in dynamic.printed],
        "comparison": report.comparison,
        "tensors": report.tensors,
        "left_out": static.left_out,
        "outputs": report.outputs,
        "not_written": report.not_written,
        "not_examined": report.not_examined,
        "timings": report.timings,
        "limits": report.jail.limits,
        "resources": dynamic.resources,
        "story": report.story,
        "processes": report.processes,
        "conversations": _conversations(report),
        "artifacts": [_artifact(artifact) for artifact in dynamic.artifacts],
    }
    return {key: plain(value) for key, value in top.items()}


def as_json(report: Report) -> str:
    """One JSON object, indented, ASCII only."""
    return json.dumps(to_dict(report), indent=2, allow_nan=False) + "\n"
