"""Frozen types that every room shares. Pure: no I/O, no imports but the standard library's types."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

VERSION = "0.1.0"
TOOL = f"sandbox-load {VERSION}"
SCHEMA = "sandbox-load/report/1"


class Verdict(StrEnum):
    """What the evidence says, worst first."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    INCONCLUSIVE = "inconclusive"
    UNEXECUTED = "unexecuted"
    CLEAN = "clean"


class Exit(IntEnum):
    """The process's exit codes."""

    QUIET = 0
    ALARM = 1
    INCONCLUSIVE = 2
    USAGE = 3
    INTERRUPTED = 130


EXIT_OF = {
    Verdict.MALICIOUS: Exit.ALARM,
    Verdict.SUSPICIOUS: Exit.ALARM,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.UNEXECUTED: Exit.QUIET,
    Verdict.CLEAN: Exit.QUIET,
}


class Label(StrEnum):
    """Where an output tensor's bytes come from (design: provenance)."""

    COPIED = "copied"
    GATHERED = "gathered"
    DECODED = "decoded"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)  # one for each tensor
class Tensor:
    """A tensor of the plan after the host's check: sizes agree, the name is writable, the range lies in the file."""

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    label: Label
    record: str
    offset: int  # bytes from the start of the input
    length: int  # bytes of the input from there
    nbytes: int  # bytes of the output
    alias: int
    file: int = 0  # of the input, by its place in `Input.files`
    twin: int = -1  # index of the first tensor that is the very same one
    escaped: bool = False  # the name stands for another, which safetensors can't hold


@dataclass(frozen=True)
class LeftOut:
    """A tensor of the file that is not in the output."""

    name: str
    reason: str


@dataclass(frozen=True)
class FormatFact:
    """A format that the bytes satisfy, or that the file's extension promises."""

    name: str
    supported: bool
    primary: bool
    by: str
    file: int = 0


@dataclass(frozen=True)
class GlobalUse:
    """How the file uses one global. `name`, `arguments` and `record` are the attacker's text."""

    format: str
    name: str
    use: str
    indirect: bool
    opcode: str
    record: str
    offset: int
    count: int
    arguments: str
    file: int = 0


@dataclass(frozen=True)
class Oddity:
    """Something about the structure that an honest writer would not do."""

    format: str
    id: str
    detail: str
    record: str
    offset: int
    file: int = 0


@dataclass(frozen=True)
class TextFact:
    """A string of the file that matters. `text`, `names` and `record` are the attacker's.

    `how`: the encodings that had to be undone to see it, the outermost first. `used`: it is handed to something that
    the file calls and that isn't known to be harmless.
    """

    format: str
    kind: str
    how: str
    text: str
    names: tuple[str, ...]
    used: bool
    record: str
    offset: int
    file: int = 0


@dataclass(frozen=True)
class Event:
    """Something the loader did or tried. `at` in seconds since the jail's start."""

    id: int
    kind: str
    call: str
    answer: str
    pid: int
    at: float
    count: int
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)  # one for each tensor
class Witness:
    """A tensor as the loader, hostile ground, says it stands in memory."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    blake3: str


@dataclass(frozen=True)
class Absent:
    """A global whose module is not in the jail; a stand-in took its place.

    `layer`: one that the jail was without and that has the module.
    """

    name: str
    reason: str
    count: int
    layer: str = ""


@dataclass(frozen=True)
class Hint:
    """An audit hook's word on why something happened; from hostile ground."""

    what: str
    detail: str
    because: str
    stack: tuple[str, ...] = ()  # file:line function, the innermost first


@dataclass(frozen=True)
class Conversation:
    """What the load said to the sinkhole over one connection, and what it was answered. Sizes in bytes.

    `address`, `port`: whom it meant. `name`: what the sinkhole gave that address for. `sent` and `answered` are the
    first bytes of either direction.
    """

    id: int
    pid: int
    at: float
    transport: str
    address: str
    port: int
    name: str
    protocol: str
    sent: bytes
    sent_total: int
    answered: bytes
    answered_total: int


@dataclass(frozen=True)
class Artifact:
    """A file that the load wrote, as it stood when it was kept. `content`: its first bytes, of which `sha256` is."""

    path: str
    why: str  # left, deleted or run
    mode: int
    size: int
    sha256: str
    content: bytes


@dataclass(frozen=True)
class Word:
    """What a planted tool says that it was given: hostile ground's word on itself."""

    tool: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    stdin: bytes


@dataclass(frozen=True)
class Talk:
    """What one conversation says, as far as it can be told. Every text is the attacker's, and short.

    `asked` and `answer` are a few words each, for a story; `summary` is a line.
    """

    kind: str  # http, tls, dns, ssh, smtp, tool, raw; none: nothing was sent
    asked: str
    answer: str
    summary: str
    name: str = ""  # whom it asked for: Host, SNI, or the name of a DNS query
    requests: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: int = 0  # bytes of the first request's body, as far as they were kept
    text: str = ""  # how that body, or what isn't a request, begins
    word: Word | None = None


@dataclass(frozen=True)
class Node:
    """One step of a story. `cause` is the id of an earlier node, or None.

    `hint`: told by the loader, hostile ground. `event`, `conversation`: ids of what it rests on. The text is the
    attacker's.
    """

    id: int
    cause: int | None
    kind: str  # of its event; call, code, phase, talk or answer
    at: float
    pid: int
    text: str
    hint: bool = False
    phase: str = ""
    event: int | None = None
    conversation: int | None = None
    count: int = 1


@dataclass(frozen=True)
class Story:
    """What led to what, in its order. `more`: steps beyond the bound on nodes."""

    nodes: tuple[Node, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Process:
    """One process of the load. `parent` 0: not known. `exit` None: not seen. The texts are the attacker's."""

    pid: int
    parent: int
    path: str
    argv: str
    start: float
    end: float | None
    exit: int | None
    sockets: tuple[str, ...] = ()  # addresses that it turned to
    files: tuple[str, ...] = ()  # written, or read and of note


@dataclass(frozen=True)
class ProcessEnd:
    """How a process of the jail ended. `exit` below 0 is a signal."""

    exit: int
    seconds: float
    cpu_seconds: float
    peak_rss: int
    alive: tuple[str, ...]


@dataclass(frozen=True)
class Resources:
    """What the loader's tree used, by PID 1's samples. Seconds, bytes, counts; the lists are one series."""

    interval: float
    samples: int
    cpu_seconds: float
    load_cpu_seconds: float
    after_cpu_seconds: float
    peak_memory: int
    peak_threads: int
    peak_descriptors: int
    peak_processes: int
    at: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    memory: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    descriptors: tuple[int, ...] = ()
    processes: tuple[int, ...] = ()


@dataclass(frozen=True)
class StaticFacts:
    """All that the inert readers said."""

    formats: tuple[FormatFact, ...] = ()
    globals: tuple[GlobalUse, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    texts: tuple[TextFact, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    complete: bool = False
    reason: str = "the reader said nothing"
    end: ProcessEnd | None = None


@dataclass(frozen=True)
class DynamicFacts:
    """All that the watch and the loader said. `asked` False: --static, or nothing to load."""

    asked: bool = False
    armed: bool = False
    observer: str = "none"
    armed_at: float = 0.0
    tasks: int = 0
    imported: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    unreadable: int = 0
    decoy_overflow: int = 0
    loaded: bool | None = None  # the loader's claim; None: it made none
    load_error: str = ""
    witnesses: tuple[Witness, ...] = ()
    testified: bool = False  # the loader says that its witnesses are all there are
    testimony_gap: str = ""  # why they aren't, in its words
    absent: tuple[Absent, ...] = ()
    hints: tuple[Hint, ...] = ()
    hint_of: dict[int, int] = field(default_factory=dict)  # event id -> index of the last hint that came before it
    conversations: tuple[Conversation, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    printed: tuple[tuple[str, str, int], ...] = ()  # stream, first part, bytes in all
    end: ProcessEnd | None = None
    resources: Resources | None = None
    observer_outlived_loader: bool = False
    ended: bool = False  # PID 1's last frame arrived


@dataclass(frozen=True)
class Comparison:
    """Plan against witness. Each list holds tensor names."""

    agree: int = 0
    differ: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # in the plan, not in memory
    extra: tuple[str, ...] = ()  # in memory, not in the plan


@dataclass(frozen=True)
class HostFacts:
    """What the host itself saw go wrong. Each is a sentence, empty when all was well."""

    wire: str = ""  # a frame that is not of the wire, or out of order
    input_changed: str = ""
    ranges: str = ""  # the reader's ranges do not have the bytes of the host's descriptor
    plan: str = ""  # a plan that the host refuses
    timed_out: str = ""
    jail: str = ""  # the jail ended by itself, or something in it was killed for its limits


@dataclass(frozen=True)
class Evidence:
    """All facts of one evaluation, as the judge gets them."""

    static: StaticFacts
    dynamic: DynamicFacts
    comparison: Comparison
    host: HostFacts
    decoys: dict[str, str] = field(default_factory=dict)  # what it is -> its unique value
    freedoms: frozenset[str] = frozenset()  # that the policy gave the load
    planted: dict[str, str] = field(default_factory=dict)  # path in the jail -> the decoy that stands there
    input: Input | None = None  # None: nobody asks which of several files


@dataclass(frozen=True)
class Cite:
    """Where a line of evidence is to be seen: an event, an opcode, a tensor. All empty: in the report's own fields."""

    event: int | None = None  # id
    file: int | None = None  # by its place in `Input.files`
    record: str = ""
    offset: int | None = None  # bytes from the start of the record
    tensor: str = ""


NOWHERE = Cite()


@dataclass(frozen=True)
class Technique:
    """Of MITRE's ATT&CK or ATLAS. `verified`: its id and name were checked against a published list."""

    id: str
    name: str = ""
    verified: bool = False


@dataclass(frozen=True)
class Finding:
    """One rule that matched, with its evidence.

    `family`: what it looks at, a file of configs/rules/. `advice`: what to do. `reason`: a user's, who added or tuned
    the rule. `cites`: where the first lines of evidence are to be seen.
    """

    rule: str
    family: str
    title: str
    severity: str  # critical, high, medium, low, info
    confidence: str  # high, medium, low: how sure it is that the title is true
    verdict: Verdict  # what this finding alone would make of the file
    explanation: str
    evidence: tuple[str, ...]
    cites: tuple[Cite, ...] = ()
    techniques: tuple[Technique, ...] = ()
    advice: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Silenced:
    """What a user's rules keep out of the verdict, and why."""

    rule: str
    title: str
    verdict: Verdict  # what it alone would have made of the file
    count: int
    evidence: str  # of the first
    reason: str


@dataclass(frozen=True)
class RuleFile:
    """A table that a file was judged by. `sha256`: of its bytes; of our own, of the digests of all."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Completeness:
    """Whether everything that should have been looked at was. `missing` holds sentences."""

    complete: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What the judge makes of the evidence. `summary` is one plain sentence for a person in a hurry."""

    verdict: Verdict
    summary: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    completeness: Completeness
    not_examined: tuple[str, ...]
    silenced: tuple[Silenced, ...] = ()


@dataclass(frozen=True)
class InputFile:
    """One file that the jail was given. `name`: of a folder's the path below the folder; anybody's text."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Input:
    """The user's file or folder. A folder's size is that of its files, its digest that of their digests and names."""

    path: str
    size: int
    sha256: str
    staged_copy: bool = False
    folder: bool = False
    files: tuple[InputFile, ...] = ()
    beyond: tuple[str, ...] = ()  # files that were too many for a jail
    skipped: tuple[str, ...] = ()  # folders that weren't entered


@dataclass(frozen=True)
class Limit:
    """One limit, what enforced it, and what PID 1 read of it inside the jail."""

    name: str
    value: int
    unit: str
    enforced_by: str
    inside: int | None = None  # None: nothing inside shows it


@dataclass(frozen=True)
class Layer:
    """Further packages that the loader could import. `digest`: of their lock, shortened."""

    name: str
    digest: str
    packages: dict[str, str]  # name -> version


@dataclass(frozen=True)
class JailFacts:
    """The jail that was used, and how it looked from inside."""

    name: str
    version: str
    runtime: str
    hardening: tuple[tuple[str, str], ...]  # flag, reason
    limits: tuple[Limit, ...]
    uid: int
    code_sha256: str  # of the guest code it was given
    inside: dict[str, Any] = field(default_factory=dict)  # PID 1's own view; the jail's word
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Output:
    """A file that was written."""

    path: str
    kind: str  # weights, optimizer, manifest, metadata, index
    size: int
    sha256: str


@dataclass(frozen=True)
class TensorCount:
    """Tensors and bytes by label."""

    tensors: int
    nbytes: int


@dataclass(frozen=True)
class Report:
    """One evaluation, whole. `report` renders it; its JSON form has a published schema."""

    tool: str
    verdict: Verdict
    summary: str
    reasons: tuple[str, ...]
    input: Input
    policy: str
    jail: JailFacts
    static: StaticFacts
    dynamic: DynamicFacts
    comparison: Comparison
    completeness: Completeness
    findings: tuple[Finding, ...]
    tensors: dict[str, TensorCount]
    outputs: tuple[Output, ...]
    not_written: str  # why there are no weights, as a sentence; empty when there are
    not_examined: tuple[str, ...]
    timings: dict[str, float]
    persona: str = ""  # whose machine the jail looked like
    story: Story = Story()
    processes: tuple[Process, ...] = ()
    talks: tuple[Talk, ...] = ()  # one for each of the conversations, in their order
    silenced: tuple[Silenced, ...] = ()
    rules: tuple[RuleFile, ...] = ()  # what it was judged by: the program's own, then a user's

    @property
    def exit_code(self) -> Exit:
        return EXIT_OF[self.verdict]
