"""Each report says what was not examined: of this very file, and nothing that doesn't apply to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.facts import Evidence, FormatFact, Input, InputFile, Oddity
from sandbox.judge import judge
from tests.judge.rows import CLEAN, READ_ONLY, RULES, STATIC, TORCH, absent, event, events, static, use, uses

_REFUSED = event("net.connect", "connect", count=3, address="203.0.113.7", port="4444", family="AF_INET")


def said(evidence: Evidence) -> str:
    return "\n".join(judge(evidence, RULES).not_examined)


def odd(ident: str, detail: str, record: str = "") -> Evidence:
    return static(oddities=(Oddity("torch-zip", ident, detail, record, 9),))


def folder(*names: str) -> Evidence:
    files = tuple(InputFile(name, 9, "0" * 64) for name in names)
    return replace(CLEAN, input=Input("repo", 9, "0" * 64, folder=True, files=files))


def formats(name: str, *, supported: bool) -> Evidence:
    return static(formats=(TORCH, FormatFact(name, supported, primary=False, by="content")))


# words of a line: evidence that it belongs to, and some that it does not
LINES: dict[str, tuple[Evidence, Evidence]] = {
    "with a GPU, for another user, or when it is loaded again: it was loaded once, here": (CLEAN, READ_ONLY),
    "when it is loaded: it was only read": (READ_ONLY, CLEAN),
    "once nothing is refused: 3 calls of it failed": (events(_REFUSED), events(replace(_REFUSED, answer="faked"))),
    "told without a packet": (uses(use("builtins.exec", arguments="('x',)")), uses(use("collections.OrderedDict"))),
    "each was read once": (events(_REFUSED), events(event("file.read", "openat", answer="continued", path="/usr/x"))),
    "(acme): stand-ins took the place of acme.B, acme.Net": (absent("acme.Net", "acme.B"), CLEAN),
    "not in the tables (acme.hook)": (uses(use("acme.hook", "reference")), uses(use("collections.OrderedDict"))),
    "What 1 hook of the model will do (f in x_hooks of Net): nothing here called": (
        odd("kept.hook", "f in x_hooks of Net"),
        odd("kept.method", "f in the place of forward of Net"),
    ),
    "What a TorchScript program computes": (formats("torchscript", supported=True), CLEAN),
    "What a torch.export program computes": (formats("torch-export", supported=True), CLEAN),
    "opened as onnx: that is not supported yet": (formats("onnx", supported=False), formats("npy", supported=True)),
    "What chat templates do (tokenizer_config.json)": (
        odd("folder.template", "a chat template", "tokenizer_config.json"),
        odd("folder.index", "x", "model.safetensors.index.json"),
    ),
    "no Python (install.sh, ops.so): it was neither read nor run": (folder("ops.so", "install.sh"), folder("a.pt")),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_limit_is_told_where_it_applies_and_nowhere_else(line: str) -> None:
    applies, applies_not = LINES[line]
    assert line in said(applies)
    assert line not in said(applies_not)


@pytest.mark.parametrize("evidence", [CLEAN, READ_ONLY, events(_REFUSED)])
def test_what_happens_at_inference_is_told_of_every_file(evidence: Evidence) -> None:
    assert said(evidence).startswith("What the model does when it is used")


def test_of_an_ordinary_checkpoint_three_lines_are_told() -> None:
    assert len(judge(CLEAN, RULES).not_examined) == 3


def test_long_lists_are_cut_and_counted() -> None:
    rows = tuple(use(f"acme.f{at}", "reference") for at in range(9))
    assert "(acme.f0, acme.f1, acme.f2, acme.f3, acme.f4 and 4 more)" in said(uses(*rows))
    assert len(said(uses(use("acme." + "x" * 9000, "reference")))) < 2000


def test_what_was_only_read_ran_nothing() -> None:
    unloaded = replace(READ_ONLY, static=replace(STATIC, globals=(use("acme.hook", "reference"),)))
    assert "nothing of it was run" in said(unloaded)
