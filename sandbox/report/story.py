"""What happened, told: chains of causes, the processes, what was said to the sinkhole, the files that were left."""

from __future__ import annotations

import re
from collections import Counter
from itertools import zip_longest
from typing import NamedTuple

from sandbox.facts import Node, Process, Report
from sandbox.report.neutral import MARK, neutral
from sandbox.report.words import LONG, Lines, count, size

CHAINS = 8
BRANCHES = 5  # of one step, without -v
STEPS = 6  # of a chain on one line
SHORT = 120  # characters of one step, without -v
DEEPEST = 16  # blanks in front of a branch
JOIN = " -> "
DENIED = " (denied)"
_EXEC, _IMAGE, _START, _EXIT = "process.exec", "process.image", "process.start", "process.exit"

_QUOTING = re.compile(r"""['"\\]+""")

# What a page must not lose to a cut, best first; all else comes after it.
_TELLING = (
    frozenset({"decoy.sent", "decoy.written"}),
    frozenset({"decoy.read"}),
    frozenset({"talk", "net.send", "net.dns"}),
    frozenset({"net.connect"}),
    frozenset({_EXEC, _IMAGE}),
)

Line = tuple[int, str]


class Block(NamedTuple):
    """Lines: how many steps the first has, or how deep the others stand; and the text. `rank`: how telling, 0 most."""

    rank: int
    lines: tuple[Line, ...]


def told(report: Report, verbose: int) -> Lines:
    """The story. With -v the processes' numbers, and all of it."""
    nodes = {node.id: node for node in report.story.nodes}
    below: dict[int | None, list[Node]] = {}
    for node in sorted(report.story.nodes, key=lambda node: node.at):  # conversations were told last
        known = node.cause is not None and node.cause in nodes and node.cause < node.id
        below.setdefault(node.cause if known else None, []).append(node)
    blocks: dict[int, list[Block]] = {}
    for node in reversed(report.story.nodes):  # what it led to comes after it, so it is done
        blocks[node.id] = _blocks(node, below.get(node.id, []), blocks, nodes, verbose)
    roots = _counted([block for node in below.get(None, ()) for block in blocks[node.id]])
    for _, lines in _cut(roots, verbose, CHAINS):
        yield from (" " * deep * bool(at) + line for at, (deep, line) in enumerate(lines))
    if report.story.more:
        yield f"and {count(report.story.more, 'step')} beyond what a story holds"


def _cut(blocks: list[Block], verbose: int, few: int) -> list[Block]:
    """All with -v, otherwise the most telling, in the order in which they stood; and how many more there are."""
    if verbose or len(blocks) <= few:
        return blocks
    best = sorted(sorted(range(len(blocks)), key=lambda at: blocks[at].rank)[:few])
    more = f"and {len(blocks) - few} more (-v shows them)"
    return [*(blocks[at] for at in best), Block(len(_TELLING), ((1, more),))]


def _joined(nodes: list[Node], blocks: dict[int, list[Block]], verbose: int) -> list[Block]:
    """What a step led to: how its process ended is told only where nothing else is."""
    found = [block for node in nodes if node.kind != _EXIT for block in blocks[node.id]]
    found = _counted(found or [block for node in nodes[:1] for block in blocks[node.id]])
    return _cut(found, verbose, BRANCHES)


def _counted(blocks: list[Block]) -> list[Block]:
    """Equal ones once, with how many there are."""
    counted = []
    for block, number in Counter(blocks).items():
        (steps, line), *rest = block.lines
        first = (steps, f"{line} (x{number})" if number > 1 else line)
        counted.append(Block(block.rank, (first, *rest)))
    return counted


def _blocks(
    node: Node, led_to: list[Node], done: dict[int, list[Block]], nodes: dict[int, Node], verbose: int
) -> list[Block]:
    """The step and what it led to. A step that says nothing new leaves its place to those."""
    below = _joined(led_to, done, verbose)
    if below and _says_nothing(node, nodes) and not (node.kind == _START and all(n.kind == _EXIT for n in led_to)):
        return below
    text = _text(node, verbose)
    own = next((rank for rank, kinds in enumerate(_TELLING) if node.kind in kinds), len(_TELLING))
    rank = min((own, *(block.rank for block in below)))
    if not below:
        return [Block(rank, ((1, text),))]
    (steps, line), *rest = below[0].lines
    if len(below) == 1 and steps < STEPS:
        return [Block(rank, ((steps + 1, text + JOIN + line), *rest))]
    lines: list[Line] = [(1, text)]
    for _, ((_, first), *others) in below:
        lines.append((2, JOIN.lstrip() + first))
        lines += [(min(deep + 2, DEEPEST), line) for deep, line in others]
    return [Block(rank, tuple(lines))]


def _says_nothing(node: Node, nodes: dict[int, Node]) -> bool:
    """Whether the step above or below it tells it: a fork before its program, an image, a part of a command."""
    above = nodes.get(node.cause or 0)
    if node.kind == _START:
        return True
    if node.kind not in (_EXEC, _IMAGE) or above is None:
        return False
    return (above.kind == _EXEC and node.kind == _IMAGE and above.pid == node.pid) or _holds(node, nodes)


def _holds(node: Node, nodes: dict[int, Node]) -> bool:
    """Whether the command that its process comes from spells it."""
    above = nodes.get(node.cause or 0)
    while above is not None and above.kind in (_START, _IMAGE):
        above = nodes.get(above.cause or 0)
    return above is not None and above.kind == _EXEC and f" {_words(node.text)} " in f" {_words(above.text)} "


def _words(command: str) -> str:
    return " ".join(_QUOTING.sub("", command).split())


def _text(node: Node, verbose: int) -> str:
    times = f" x{node.count}" if node.count > 1 else ""
    seen = node.event is not None or node.conversation is not None
    who = f" [{node.pid}]" if verbose and seen and node.pid else ""
    said, denied = node.text, DENIED if node.event is not None and node.text.endswith(DENIED) else ""
    text = neutral(said.removesuffix(denied), LONG if verbose else SHORT)
    text = text.replace(JOIN, f" {MARK} ") + denied  # nobody draws our arrows, and no length hides an answer
    hint = f" (says the {'tool' if node.kind == 'talk' else 'load'})" if node.hint else ""
    return text + hint + times + who


def processes(report: Report, verbose: int) -> Lines:
    """The tree of processes, with -v. Nothing where there was only the loader."""
    rows = report.processes
    if not verbose or len(rows) < 2:
        return
    deep: dict[int, int] = {}
    for row in rows:
        deep[row.pid] = min(deep.get(row.parent, -1) + 1, DEEPEST)
        yield "  " * deep[row.pid] + _process(row)


def _process(row: Process) -> str:
    what = neutral(row.argv or row.path, LONG) or "the load"
    if row.argv.partition(" ")[0].rpartition("/")[2] != row.path.rpartition("/")[2]:  # it calls itself what it likes
        what += f" ({neutral(row.path)})" if row.argv and row.path else ""
    ended = "" if row.end is None else f"-{row.end:.3f}"
    code = "" if row.end is None else ", is gone" if row.exit is None else f", ended with {row.exit}"
    parts = [f"{row.pid} {what}, {row.start:.3f}{ended} s{code}"]
    parts += [", ".join(neutral(text) for text in texts) for texts in (row.sockets, row.files) if texts]
    return "; ".join(parts)


def conversations(report: Report, verbose: int) -> Lines:
    """What was said to the sinkhole, with -v."""
    for said, talk in zip_longest(report.dynamic.conversations if verbose else (), report.talks if verbose else ()):
        if said is not None:
            name = f" ({neutral(said.name, 100)})" if said.name else ""
            where = f"{neutral(said.transport, 8)} {neutral(said.address, 64)}:{said.port}{name}"
            summary = neutral(talk.summary, LONG) if talk else ""
            yield f"{said.at:.3f} s  pid {said.pid}  {where}: {summary}"


def artifacts(report: Report, verbose: int) -> Lines:
    """The files that the load wrote, with -v."""
    for kept in report.dynamic.artifacts if verbose else ():
        yield (
            f"{neutral(kept.path)} ({neutral(kept.why, 16)}, {size(kept.size)}, mode {kept.mode:04o}, "
            f"sha256 {neutral(kept.sha256, 64)})"
        )
