"""`sandbox-load verify`: the check without a jail, and with --replan the plan derived anew in a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox import messages
from sandbox.controller import evaluate
from sandbox.facts import Exit
from sandbox.report.neutral import neutral
from sandbox.request import Request
from sandbox.scratch import scratch
from sandbox.weights.verify import VerifyResult, as_said, load_manifest, manifest_of, verify, verify_plan


@dataclass(frozen=True)
class Checked:
    """What to print, and the exit code."""

    text: str
    exit_code: Exit


def check(output: Path, source: Path, *, replan: bool, jail: str) -> Checked:
    """Raises CallerError when there is nothing to check; a mismatch is a result."""
    result = verify(output, source)
    if replan and result.exit_code == Exit.QUIET:
        result = _replanned(result, output, source, jail)
    return Checked(_text(output, result), result.exit_code)


def _replanned(result: VerifyResult, output: Path, source: Path, jail: str) -> VerifyResult:
    """A static conversion in a fresh jail, into a private folder, whose manifest is then compared."""
    said = load_manifest(manifest_of(output))
    with scratch() as folder:
        again = folder / "again.safetensors"
        request = Request(source, output=again, jail=jail, static=True, salvage=True)
        report = evaluate(
            request, strip_prefix=said.strip_prefix, select=said.select, exclude=said.exclude, tied=said.tied
        )
        if report.not_written:
            raise messages.error("replan", why=report.not_written)
        fresh = load_manifest(manifest_of(again))
    digests = {entry.tensor.index: entry.digest for entry in fresh.entries}
    return verify_plan(result, as_said(said, fresh), digests, fresh)


def _text(output: Path, result: VerifyResult) -> str:
    """Verdict first, then what was proven and what was not."""
    word = "verified" if result.exit_code == Exit.QUIET else "MISMATCH"
    lines = [f"{word}: {neutral(output.name)}"]
    lines += [f"  wrong: {line}" for line in result.mismatches]
    lines += [f"  proven: {line}" for line in result.proven]
    lines += [f"  not proven: {line}" for line in result.not_proven]
    return "\n".join(lines)
