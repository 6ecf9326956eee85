"""The report for a person at a terminal: the verdict first, then what it rests on, then what nobody looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from sandbox.facts import Absent, Event, Finding, FormatFact, Report, Technique, TextFact, Verdict
from sandbox.report import story
from sandbox.report.neutral import neutral
from sandbox.report.words import LONG, Lines, count, size, some

LABEL_WIDTH = 9
# What each load does by the dozen: counted on every page, told one by one with -v.
ORDINARY = frozenset(
    [
        *("file.read", "file.probe", "memory.library", "time.sleep", "phase"),
        *("process.start", "process.image", "process.exit", "process.session", "net.led", "net.copy"),
    ]
)

_COLOURS = {
    Verdict.MALICIOUS: "1;31",
    Verdict.SUSPICIOUS: "1;33",
    Verdict.INCONCLUSIVE: "1;35",
    Verdict.UNEXECUTED: "1;36",
    Verdict.CLEAN: "1;32",
}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{neutral(name, 40)} {number}" for name, number in sorted(counts.items()))


def _format(fact: FormatFact) -> str:
    how = "" if fact.primary else "also "
    return how + neutral(fact.name, 64) + ("" if fact.supported else " (not supported yet)")


def _formats(facts: Sequence[FormatFact]) -> Iterator[str]:
    """Each once. Of a folder each file's is told, of an archive each format that is in it, however often."""
    counted = Counter(map(_format, (fact for fact in facts if fact.by != "inside")))
    inside = Counter(neutral(fact.name, 64) for fact in facts if fact.by == "inside")
    yield from counted
    if inside:
        yield "with " + ", ".join(f"{number} {name}" if number > 1 else name for name, number in inside.items())


def _file(report: Report, _verbose: int) -> Lines:
    formats = ", ".join(_formats(report.static.formats))
    yield f"{neutral(report.input.path, LONG)}, {size(report.input.size)}, {formats or 'of no known format'}"
    yield f"sha256 {neutral(report.input.sha256, 64)}"


def _reasons(report: Report, verbose: int) -> Lines:
    if verbose or not report.findings:
        yield from some((neutral(reason, LONG) for reason in report.reasons), verbose)


def _finding(finding: Finding, verbose: int) -> Lines:
    sure = f", {neutral(finding.confidence, 16)} confidence" if verbose else ""
    yield f"{neutral(finding.severity, 16)}{sure}: {neutral(finding.title, LONG)} [{neutral(finding.rule, 64)}]"
    if finding.explanation:
        yield "  " + neutral(finding.explanation, LONG)
    for line in some((neutral(evidence, LONG) for evidence in finding.evidence), verbose):
        yield "  - " + line
    if finding.reason:
        yield "  your own rule: " + neutral(finding.reason, LONG)
    if finding.techniques and verbose:
        yield "  " + ", ".join(map(_technique, finding.techniques))


def _technique(technique: Technique) -> str:
    named = f"{neutral(technique.id, 32)} {neutral(technique.name, 80)}".rstrip()
    return named if technique.verified else f"{named} (unverified)"


def _harmless(finding: Finding) -> bool:
    """Whether it only says that the load did what loads do, or what a section of its own says better."""
    quiet = finding.verdict is Verdict.CLEAN and finding.severity == "info"
    return quiet and (finding.rule.startswith("event.") or finding.rule == "absent")


def _findings(report: Report, verbose: int) -> Lines:
    for finding in report.findings:
        if verbose or not _harmless(finding):
            yield from _finding(finding, verbose)


def _advice(report: Report, _verbose: int) -> Lines:
    """What to do about the findings that the verdict rests on, each thing once."""
    deciding = (finding for finding in report.findings if finding.verdict is report.verdict is not Verdict.CLEAN)
    yield from dict.fromkeys(neutral(finding.advice, LONG) for finding in deciding if finding.advice)


def _silenced(report: Report, _verbose: int) -> Lines:
    for row in report.silenced:
        times = f" x{row.count}" if row.count > 1 else ""
        what = f"{row.verdict.value}: {neutral(row.title, LONG)} [{neutral(row.rule, 64)}]{times}"
        yield f"{what}: {neutral(row.reason, LONG)}"
        yield "  - " + neutral(row.evidence, LONG)


def event_line(event: Event) -> str:
    """One event: when, who, what, and how it was answered."""
    detail = " ".join(f"{neutral(key, 32)}={neutral(text)}" for key, text in event.detail.items())
    times = f" x{event.count}" if event.count > 1 else ""
    what = f"{neutral(event.kind, 32)} {neutral(event.call, 32)} {neutral(event.answer, 16)}{times}"
    return f"{event.at:.3f} s  pid {event.pid}  {what}  {detail}".rstrip()


def _events(report: Report, verbose: int) -> Lines:
    if verbose or report.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS):
        events = (event for event in report.dynamic.events if verbose or event.kind not in ORDINARY)
        yield from some(map(event_line, events), verbose)


def _watched(report: Report, _verbose: int) -> Lines:
    dynamic, jail = report.dynamic, report.jail
    if not dynamic.asked:
        yield "nothing: the file was read and not loaded"
        return
    where = f"in {neutral(jail.name, 32)} {neutral(jail.version, 32)}".rstrip()
    if jail.layers:
        where += f" with {', '.join(neutral(layer.name, 32) for layer in jail.layers)}"
    if not dynamic.armed:
        yield f"nothing: the watch was never armed {where}"
        return
    seen = sum(dynamic.counts.values())
    yield (
        f"by {neutral(dynamic.observer, 32)} {where}, armed at {dynamic.armed_at:.2f} s over "
        f"{count(dynamic.tasks, 'thread')}, "
        + ("to the end" if dynamic.observer_outlived_loader else "and lost before the end")
    )
    lost = [
        ("dropped", dynamic.dropped),
        ("unreadable", dynamic.unreadable),
        ("decoy overflow", dynamic.decoy_overflow),
    ]
    kinds = f" ({_counts(dynamic.counts)})" if dynamic.counts else ""
    yield f"{count(seen, 'event')}{kinds}, " + ", ".join(f"{number} {what}" for what, number in lost)


def _load(report: Report, _verbose: int) -> Lines:
    told = any(finding.rule == "load.failed" for finding in report.findings)
    if report.dynamic.load_error and not told:
        yield "the load failed: " + neutral(report.dynamic.load_error, LONG)


def _missing(report: Report, verbose: int) -> Lines:
    if not report.completeness.complete:
        said = {finding.explanation for finding in report.findings}
        rest = [sentence for sentence in report.completeness.missing if sentence not in said]
        yield "NOT COMPLETE" + ("" if rest else ": the findings say why")
        yield from some((neutral(sentence, LONG) for sentence in rest), verbose)


def _printed(report: Report, verbose: int) -> Lines:
    for stream, text, total in report.dynamic.printed:
        if total:
            yield f"{neutral(stream, 32)}, {size(total)}: {neutral(text, 2000 if verbose else 100)}"


def _absent(report: Report, verbose: int) -> Lines:
    yield from some(map(_absent_line, report.dynamic.absent), verbose)


def _absent_line(item: Absent) -> str:
    layer = f"; `sandbox-load setup --with {neutral(item.layer, 32)}` has its module" if item.layer else ""
    return f"{neutral(item.name)} x{item.count}: {neutral(item.reason, 100)}{layer}"


def _weights(report: Report, verbose: int) -> Lines:
    labels = (
        f"{neutral(label, 16)} {count(total.tensors, 'tensor')} ({size(total.nbytes)})"
        for label, total in report.tensors.items()
        if total.tensors
    )
    comparison = report.comparison
    agree = f"; {comparison.agree} in memory as in the file" if comparison.agree else ""
    yield (", ".join(labels) or "no tensors") + agree
    lists = (
        ("other in memory", comparison.differ),
        ("not in memory", comparison.missing),
        ("not in the file", comparison.extra),
    )
    for what, names in lists:
        if names:
            yield f"{what}: " + ", ".join(some(map(neutral, names), verbose))


def _left_out(report: Report, verbose: int) -> Lines:
    yield from some((f"{neutral(item.name)}: {neutral(item.reason)}" for item in report.static.left_out), verbose)


def _output(report: Report, verbose: int) -> Lines:
    for output in report.outputs:
        if verbose or output.kind in ("weights", "optimizer"):
            digest = f", sha256 {neutral(output.sha256, 64)}" if verbose else ""
            yield f"{neutral(output.path, LONG)} ({neutral(output.kind, 16)}, {size(output.size)}{digest})"
    kinds = dict.fromkeys(output.kind for output in report.outputs if output.kind not in ("weights", "optimizer"))
    beside = [neutral(kind, 16) for kind in kinds]
    if beside and not verbose:
        yield f"and beside it its {', '.join(beside[:-1])}{' and ' * (len(beside) > 1)}{beside[-1]}"
    if report.not_written:
        yield "not written: " + neutral(report.not_written, LONG)


def _not_examined(report: Report, _verbose: int) -> Lines:
    yield from (neutral(sentence, LONG) for sentence in report.not_examined)


def _time(report: Report, _verbose: int) -> Lines:
    timings = report.timings
    parts = ", ".join(f"{neutral(name, 32)} at {seconds:.2f}" for name, seconds in timings.items() if name != "total")
    total = f"{timings['total']:.2f} s ({parts})" if "total" in timings else f"{parts} s"
    # A persona matters where the file may act on what it finds.
    persona = f", persona {neutral(report.persona, 32)}" if report.story.nodes and report.persona else ""
    yield f"{total}; policy {neutral(report.policy, 64)}{persona}; {neutral(report.tool, 64)}"


def _globals(report: Report, verbose: int) -> Lines:
    for use in report.static.globals if verbose else ():
        indirect = " of its result" if use.indirect else ""
        where = f"{neutral(use.opcode, 24)} at {use.offset} of {neutral(use.record, 80) or 'the file'}"
        yield f"{neutral(use.name)} {neutral(use.use, 16)}{indirect} x{use.count} ({where})"


def _oddities(report: Report, verbose: int) -> Lines:
    for oddity in report.static.oddities if verbose else ():
        where = f"at {oddity.offset} of {neutral(oddity.record, 80) or 'the file'}"
        yield f"{neutral(oddity.id, 64)} {where}: {neutral(oddity.detail)}"


def _strings(report: Report, verbose: int) -> Lines:
    """Those that are encoded, run or handed on come first; plain URLs and the like stand in the findings."""
    told = [text for text in report.static.texts if verbose or text.how or text.used]
    yield from some(map(_string, sorted(told, key=lambda text: (not text.used, not text.how))), verbose)


def _string(text: TextFact) -> str:
    way = f" in {neutral(text.how, 64)}" if text.how else ""
    given = ", handed to what is called" if text.used else ""
    where = f"{neutral(text.record, 80) or 'the file'} at {text.offset}"
    return f"{neutral(text.kind, 32)}{way}{given} ({where}): {neutral(text.text)}"


def _hints(report: Report, verbose: int) -> Lines:
    for hint in report.dynamic.hints if verbose else ():
        yield f"{neutral(hint.what, 64)} {neutral(hint.detail)}, because of {neutral(hint.because)}"


def _limits(report: Report, verbose: int) -> Lines:
    """With -v all, otherwise those that are not what was asked for."""
    for limit in report.jail.limits:
        more = limit.inside is not None and limit.inside > limit.value
        if not verbose and not more:
            continue
        amount = f"{limit.value} {neutral(limit.unit, 16)}".rstrip()
        inside = "nothing inside shows it" if limit.inside is None else f"{limit.inside} inside"
        inside += ", more than was asked for" if more else ""
        yield f"{neutral(limit.name, 64)} {amount}, by {neutral(limit.enforced_by)}; {inside}"


def _resources(report: Report, verbose: int) -> Lines:
    used = report.dynamic.resources if verbose else None
    if used:
        yield (
            f"{used.cpu_seconds:.2f} s of CPU: {used.load_cpu_seconds:.2f} in the load, "
            f"{used.after_cpu_seconds:.2f} after it"
        )
        yield (
            f"at most {size(used.peak_memory)}, {count(used.peak_threads, 'thread')}, "
            f"{count(used.peak_descriptors, 'descriptor')}, {count(used.peak_processes, 'process', 'es')}, "
            f"in {count(used.samples, 'sample')}"
        )


def _layers(report: Report, verbose: int) -> Lines:
    for layer in report.jail.layers if verbose else ():
        packages = ", ".join(f"{neutral(name, 64)} {neutral(version, 64)}" for name, version in layer.packages.items())
        yield f"{neutral(layer.name, 32)} {neutral(layer.digest, 64)}: {packages}"


def _rules(report: Report, verbose: int) -> Lines:
    for row in report.rules if verbose else ():
        yield f"{neutral(row.path, LONG)}, sha256 {neutral(row.sha256, 64)}"


def _hardening(report: Report, verbose: int) -> Lines:
    for flag, reason in report.jail.hardening if verbose > 1 else ():
        yield f"{neutral(flag)}: {neutral(reason)}"


Section = Callable[[Report, int], Lines]

# In the order of the page. A section without lines is not shown.
SECTIONS: tuple[tuple[str, Section], ...] = (
    ("file", _file),
    ("why", _reasons),
    ("findings", _findings),
    ("to do", _advice),
    ("silenced", _silenced),
    ("story", story.told),
    ("processes", story.processes),
    ("said", story.conversations),
    ("kept", story.artifacts),
    ("events", _events),
    ("watched", _watched),
    ("load", _load),
    ("coverage", _missing),
    ("printed", _printed),
    ("absent", _absent),
    ("weights", _weights),
    ("left out", _left_out),
    ("output", _output),
    ("globals", _globals),
    ("oddities", _oddities),
    ("strings", _strings),
    ("hints", _hints),
    ("used", _resources),
    ("layers", _layers),
    ("rules", _rules),
    ("limits", _limits),
    ("jail", _hardening),
    ("unseen", _not_examined),
    ("time", _time),
)


def _page(report: Report, verbose: int) -> Lines:
    for label, section in SECTIONS:
        for number, line in enumerate(section(report, verbose)):
            yield f"{'' if number else label:{LABEL_WIDTH}} {line}"


def text(report: Report, colour: bool = False, verbose: int = 0) -> str:
    """The whole page. `colour` is for terminals; only the verdict has one."""
    word = report.verdict.value.upper()
    shown = f"\033[{_COLOURS[report.verdict]}m{word}\033[0m" if colour else word
    return "\n".join([f"{shown}: {neutral(report.summary, LONG)}", *_page(report, verbose)]) + "\n"
