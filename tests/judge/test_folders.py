"""What a folder's files are to the judge: code and safetensors beside the weights spoil nothing, and are told."""

from __future__ import annotations

from dataclasses import replace

from sandbox.facts import FormatFact, Input, Oddity, Verdict
from sandbox.judge import judge
from tests.judge.rows import CLEAN, RULES

WHOLE = FormatFact("folder", supported=True, primary=True, by="content")
WEIGHTS = FormatFact("torch-zip", supported=True, primary=True, by="inside")
OTHER = FormatFact("safetensors", supported=False, primary=False, by="inside", file=1)
CODE = Oddity("folder", "folder.code", "a Python file", "modeling_x.py", 0, 2)
FOLDER = replace(
    CLEAN,
    static=replace(CLEAN.static, formats=(WHOLE, WEIGHTS, OTHER), oddities=(CODE,)),
    input=Input("repo", 9, "0" * 64, folder=True, skipped=(".git",)),
)


def test_code_and_safetensors_beside_the_weights_spoil_nothing() -> None:
    judgement = judge(FOLDER, RULES)
    assert judgement.verdict == Verdict.CLEAN
    assert judgement.completeness.complete
    assert "with Python code beside the weights" in judgement.summary
    assert [finding.rule for finding in judgement.findings] == ["folder.code"]


def test_what_nobody_ran_or_entered_is_said() -> None:
    said = " ".join(judge(FOLDER, RULES).not_examined)
    assert "(modeling_x.py): it was listed and not run" in said
    assert "names begin with a dot (.git)" in said
    ran = " ".join(judge(replace(FOLDER, freedoms=frozenset({"programs"})), RULES).not_examined)
    assert "each Python file was run once" in ran


def test_a_folder_of_nothing_that_is_read_is_not_supported() -> None:
    for name, said in (("gguf", "GGUF file: not supported yet"), ("safetensors", "It is safetensors already")):
        formats = (WHOLE, replace(OTHER, name=name))
        judgement = judge(replace(FOLDER, static=replace(CLEAN.static, formats=formats)), RULES)
        assert judgement.verdict == Verdict.INCONCLUSIVE
        assert said in judgement.summary


def test_a_folder_without_any_model_is_of_no_known_format() -> None:
    judgement = judge(replace(FOLDER, static=replace(CLEAN.static, formats=(WHOLE,))), RULES)
    assert [finding.rule for finding in judgement.findings if finding.verdict is Verdict.INCONCLUSIVE] == [
        "format.none"
    ]
