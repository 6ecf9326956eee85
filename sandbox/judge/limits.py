"""The honest limits of one evaluation: what was not examined, of this very file. One function for each limit.

A line stands only where it applies. Names in it are the attacker's text, cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sandbox.facts import Evidence
from sandbox.judge import dynamic, phases
from sandbox.judge.names import UNKNOWN
from sandbox.judge.rules import Rules
from sandbox.judge.spelling import some

Limit = Callable[[Evidence, Rules], Iterator[str]]

# Formats that hold a program beside the weights, which no reader here understands.
PROGRAMS = {"torchscript": "a TorchScript program", "torch-export": "a torch.export program"}
# Ends of the names of files that hold code which no reader looks into: libraries, byte-code, scripts, notebooks.
_ENDS = """.so .dll .dylib .pyd .pyc .pyo .pyz .whl .egg .ipynb .sh .bash .bat .cmd .ps1 .exe .js .jar .wasm .lua .jl .r
.c .cc .cpp .cu .ptx .cubin"""
_CODE = tuple(_ENDS.split())
# What a freedom of the policy doesn't show.
_LEFT_OPEN = {
    "programs": (
        "What programs would have done that are not in the jail, and what decoy tools stand for: there are a shell, "
        "some small programs, and tools that only connect and tell."
    ),
    "sinkhole": (
        "What real peers would have answered: the sinkhole said little, hung up on silence, and read no TLS. Waits "
        "that are no sleep (futex, poll, select) took their time."
    ),
}


def not_examined(evidence: Evidence, rules: Rules) -> tuple[str, ...]:
    """The lines that apply, in the table's order."""
    return tuple(line for limit in _LIMITS for line in limit(evidence, rules))


def _when_used(_evidence: Evidence, _rules: Rules) -> Iterator[str]:
    yield (
        "What the model does when it is used: code that runs later, and weights that were trained to misbehave or to "
        "hide data, were not looked at."
    )


def _kept(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    hooks = _details(evidence, "kept.hook")
    if hooks:
        yield f"What {_count(hooks, 'hook')} of the model will do ({some(hooks)}): nothing here called them."


def _loaded_once(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    if evidence.dynamic.asked:
        yield (
            "What the file does on another system, Python, framework version or day, with a GPU, for another user, or "
            "when it is loaded again: it was loaded once, here."
        )
    else:
        yield "What the file does when it is loaded: it was only read."


def _what_would_follow(evidence: Evidence, rules: Rules) -> Iterator[str]:
    noted = dynamic.of_note(rules, evidence.dynamic.events)
    refused = sum(event.count for event in noted if event.answer == "denied")
    if refused and not evidence.freedoms:
        calls = f"{refused} call{'' if refused == 1 else 's'}"
        yield f"What the file does once nothing is refused: {calls} of it failed (--policy detonate lets it go on)."


def _told_unseen(evidence: Evidence, rules: Rules) -> Iterator[str]:
    if dynamic.of_note(rules, evidence.dynamic.events) or _runs_code(evidence, rules):
        yield "What the load may have told without a packet: by how long it took, how it ended, how much it printed."


def _arguments(evidence: Evidence, rules: Rules) -> Iterator[str]:
    if dynamic.of_note(rules, evidence.dynamic.events):
        yield (
            "What became of a recorded call's arguments afterwards: each was read once, from memory that the load can "
            "change. What was refused was refused whatever they said."
        )


def _phases(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    if evidence.dynamic.asked:
        yield from phases.not_examined(evidence.dynamic)


def _left_open(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    if evidence.dynamic.asked:
        yield from (text for freedom, text in _LEFT_OPEN.items() if freedom in evidence.freedoms)


def _absent(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    names = sorted({row.name for row in evidence.dynamic.absent})
    if names:
        packages = some(sorted({name.split(".", 1)[0] for name in names}))
        yield (
            f"What the code of packages that are not installed here does ({packages}): stand-ins took the place of "
            f"{some(names)}."
        )


def _unknown(evidence: Evidence, rules: Rules) -> Iterator[str]:
    absent = {row.name for row in evidence.dynamic.absent}
    names = sorted({row.name for row in evidence.static.globals if rules.names.named(row.name).cls == UNKNOWN} - absent)
    if names:
        yield (
            f"What the code behind names does that are not in the tables ({some(names)}): nobody here has read it, "
            + ("and the load ran little of it or none." if evidence.dynamic.asked else "and nothing of it was run.")
        )


def _programs(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    for program in programs(evidence):
        yield (
            f"What {program} computes: its code is run when the model is called, and was only looked through for what "
            "reads and writes files or calls other machines."
        )


def _folder_code(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    code = sorted({row.record for row in evidence.static.oddities if row.id == "folder.code" and row.record})
    if not code:
        return
    ran = evidence.dynamic.loaded is not None and bool(evidence.freedoms)  # the loader says so after it ran
    yield f"What the folder's own code does {'when it is used' if ran else 'at all'} ({some(code)}): " + (
        "each Python file was run once, as an import runs it, as far as the packages that are here took it."
        if ran
        else "it was listed and not run (--policy detonate runs it)."
    )


def _other_code(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    names = {name for name in _files(evidence) if name.lower().endswith(_CODE)}
    names |= {row.record for row in evidence.static.oddities if row.id == "folder.program" and row.record}
    if names:
        shown = some(sorted(names))
        yield f"What code beside the weights does that is no Python ({shown}): it was neither read nor run."


def _templates(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    names = sorted({row.record for row in evidence.static.oddities if row.id == "folder.template" and row.record})
    if names:
        yield f"What chat templates do ({some(names)}): Jinja programs that a tokenizer runs when it is used; not run."


def _strings(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    if any(fact.kind.partition(".")[0] == "beyond" for fact in evidence.static.texts):
        yield "Some of the strings in the file: they are more, or deeper encoded, than are looked at."


def _skipped(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    if evidence.input and evidence.input.skipped:
        yield f"Folders in it whose names begin with a dot ({some(evidence.input.skipped)}): they were not entered."


def _unread(evidence: Evidence, _rules: Rules) -> Iterator[str]:
    unread = sorted({row.name for row in evidence.static.formats if not row.supported and row.by != "inside"})
    if unread:
        yield f"What the file is when it is opened as {', '.join(unread)}: that is not supported yet."


_LIMITS: tuple[Limit, ...] = (
    _when_used,
    _kept,
    _programs,
    _loaded_once,
    _what_would_follow,
    _told_unseen,
    _arguments,
    _phases,
    _left_open,
    _absent,
    _unknown,
    _folder_code,
    _other_code,
    _templates,
    _strings,
    _skipped,
    _unread,
)


def programs(evidence: Evidence) -> list[str]:
    """The programs that the file holds beside its weights, as a person calls them."""
    return list(dict.fromkeys(PROGRAMS[row.name] for row in evidence.static.formats if row.name in PROGRAMS))


def _runs_code(evidence: Evidence, rules: Rules) -> bool:
    """Whether it calls what isn't known to be a constructor, in a load."""
    called = (row for row in evidence.static.globals if row.use in ("reduce", "obj", "inst"))
    return evidence.dynamic.asked and any(rules.names.named(row.name).cls != "constructor" for row in called)


def _details(evidence: Evidence, ident: str) -> list[str]:
    return list(dict.fromkeys(row.detail for row in evidence.static.oddities if row.id == ident))


def _files(evidence: Evidence) -> Iterable[str]:
    return (file.name for file in evidence.input.files) if evidence.input and evidence.input.folder else ()


def _count(things: list[str], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"
