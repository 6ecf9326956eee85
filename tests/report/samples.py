"""Two reports built by hand: an ordinary checkpoint, and one that reaches for a shell."""

from __future__ import annotations

from dataclasses import replace

from sandbox.facts import (
    Absent,
    Comparison,
    Completeness,
    DynamicFacts,
    Event,
    Finding,
    FormatFact,
    GlobalUse,
    Hint,
    Input,
    JailFacts,
    LeftOut,
    Limit,
    Oddity,
    Output,
    ProcessEnd,
    Report,
    StaticFacts,
    TensorCount,
    Verdict,
    Witness,
)

END = ProcessEnd(exit=0, seconds=0.21, cpu_seconds=0.19, peak_rss=14_000_000, alive=())

CLEAN = Report(
    tool="sandbox-load 0.1.0",
    verdict=Verdict.CLEAN,
    summary="the load completed under full watch, and the file only builds tensors.",
    reasons=(),
    input=Input("models/resnet.pt", 46_800_000, "ab" * 32),
    policy="evaluate",
    jail=JailFacts(
        name="bubblewrap",
        version="0.8.0",
        runtime="",
        hardening=(("--unshare-all", "no network, no other processes"),),
        limits=(Limit("memory", 2 << 30, "bytes", "RLIMIT_AS"),),
        uid=1000,
        code_sha256="cd" * 32,
        inside={"version": 1, "uid": 1000, "interfaces": ["lo"], "limits": {"as": 1}},
    ),
    static=StaticFacts(
        formats=(FormatFact("pytorch-zip", supported=True, primary=True, by="content"),),
        globals=(
            GlobalUse(
                "pytorch-zip", "torch._utils._rebuild_tensor_v2", "reduce", False, "REDUCE", "data.pkl", 90, 148, ""
            ),
        ),
        complete=True,
        reason="",
        end=END,
    ),
    dynamic=DynamicFacts(
        asked=True,
        armed=True,
        observer="notify",
        armed_at=1.904,
        tasks=3,
        imported=("torch",),
        events=(Event(1, "file.open", "openat", "continued", 7, 1.95, 5, {"path": "/model/4f2a"}),),
        counts={"file.open": 5},
        loaded=True,
        testified=True,
        witnesses=(Witness("w", "F32", (2,), "ef" * 32),),
        end=END,
        observer_outlived_loader=True,
        ended=True,
    ),
    comparison=Comparison(agree=149),
    completeness=Completeness(complete=True),
    findings=(),
    tensors={"copied": TensorCount(148, 46_700_000), "gathered": TensorCount(1, 4096), "decoded": TensorCount(0, 0)},
    outputs=(
        Output("models/resnet.safetensors", "weights", 46_720_000, "12" * 32),
        Output("models/resnet.manifest.json", "manifest", 40_000, "34" * 32),
        Output("models/resnet.metadata.json", "metadata", 300, "56" * 32),
    ),
    not_written="",
    not_examined=("What the weights do when the model is used.",),
    timings={"total": 2.61, "read": 0.21, "load": 0.33, "write": 0.05},
)

MALICIOUS = replace(
    CLEAN,
    verdict=Verdict.MALICIOUS,
    summary="loading it starts a shell that connects to 203.0.113.7.",
    reasons=("It ran a program.", "It opened a connection."),
    input=Input("evil\x1b[2J\u202e.pt", 512, "ab" * 32),
    static=replace(
        CLEAN.static,
        formats=(FormatFact("pickle", True, True, "content"), FormatFact("tar", False, False, "extension")),
        globals=(GlobalUse("pickle", "posix.system", "reduce", False, "REDUCE", "", 14, 1, "('sh -c id',)"),),
        oddities=(Oddity("pickle", "pickle.trailing", "12 bytes after STOP", "", 40),),
        left_out=(LeftOut("emb", "sparse tensors have no place in safetensors"),),
        complete=False,
        reason="the stream ends early",
    ),
    dynamic=replace(
        CLEAN.dynamic,
        events=(
            Event(1, "exec", "execve", "denied", 7, 2.0, 1, {"path": "/bin/sh", "argv": "sh -c 'id\x1b[2J'"}),
            Event(2, "net.connect", "connect", "denied", 7, 2.001, 40, {"address": "203.0.113.7", "port": "4444"}),
        ),
        counts={"exec": 1, "net.connect": 40},
        dropped=3,
        loaded=False,
        load_error="UnpicklingError: pickle data was truncated\n\x1b]8;;http://203.0.113.7\x07click\x1b]8;;\x07",
        absent=(Absent("mypkg.Thing", "No module named 'mypkg'", 2),),
        hints=(Hint("os.system", "sh -c id", "posix.system at REDUCE"),),
        printed=(("loader stdout", "hello\r\nCLEAN: nothing to see", 27),),
        end=replace(END, exit=-9, alive=("sh",)),
    ),
    comparison=Comparison(agree=1, differ=("w",), missing=("b",), extra=("x",)),
    completeness=Completeness(complete=False, missing=("The load did not finish.",)),
    findings=(
        Finding(
            rule="event.exec",
            title="It ran a program",
            severity="critical",
            verdict=Verdict.MALICIOUS,
            explanation="A checkpoint has no reason to start one.",
            evidence=("execve /bin/sh sh -c 'id\x1b[2J'",),
            techniques=("T1059.004", "AML.T0011.000"),
        ),
    ),
    tensors={"copied": TensorCount(1, 16)},
    outputs=(),
    not_written="weights of malicious files are only written with --salvage",
)
