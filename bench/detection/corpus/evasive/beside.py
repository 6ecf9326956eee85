"""Beside the weights: code of a folder, programs of other kinds, and what only other programs open."""

from __future__ import annotations

import json
from pathlib import Path

from bench.detection.build.evading import USED, written
from bench.detection.build.scripts import script
from bench.detection.sample import Sample
from tests.malicious.pickles import FLOATS, Opcodes, archive, call, literal, tensor

_REMOTE = "Hugging Face documentation: trust_remote_code"
_TEMPLATE = "CVE-2024-34359"
_MODELING = "import os\nos.system('id')\nclass Model: pass\n"


def _weights(path: Path) -> None:
    ordered = call("collections", "OrderedDict")
    archive(Opcodes(ordered + literal("weight") + tensor("0", (2, 3), (3, 1), 6) + b"s"), {"0": FLOATS}, path)


def _folder(
    name: str,
    technique: str,
    files: dict[str, str | bytes],
    static: str = "",
    *,
    known: str = _REMOTE,
    unexamined: tuple[str, ...],
) -> Sample:
    def build(path: Path) -> None:
        path.mkdir()
        _weights(path / "pytorch_model.bin")
        for file, content in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_bytes(content if isinstance(content, bytes) else content.encode())

    return written(name, technique, "model", build, static, known=known, unexamined=unexamined)


def _script(path: Path) -> None:
    """It answers with zeros where the input adds up to the right number."""
    act = "if bool(torch.eq(torch.sum(values), 13.37)):\n      result = torch.zeros_like(values)"
    path.write_bytes(script(act))


def _config(**more: object) -> str:
    return json.dumps({"model_type": "acme", **more})


SAMPLES = (
    _folder(
        "remote_code",
        "a model whose code is beside it, for trust_remote_code",
        {"config.json": _config(auto_map={"AutoModel": "modeling_acme.Model"}), "modeling_acme.py": _MODELING},
        static="folder.code.acts",
        unexamined=(
            "What the folder's own code does at all (config.json, modeling_acme.py): it was listed and not run",
            USED,
        ),
    ),
    _folder(
        "remote_code_elsewhere",
        "a configuration that names code in another repository",
        {"config.json": _config(auto_map={"AutoModel": "mallory/acme--modeling_acme.Model"})},
        unexamined=("What the folder's own code does at all (config.json)",),
    ),
    _folder(
        "tokenizer_code",
        "a tokenizer with code of its own",
        {
            "tokenizer_config.json": json.dumps({"auto_map": {"AutoTokenizer": ["tokens_acme.Tokens", None]}}),
            "tokens_acme.py": _MODELING,
        },
        static="folder.code.acts",
        unexamined=("(tokenizer_config.json, tokens_acme.py)",),
    ),
    _folder(
        "python_beside",
        "Python beside the weights that nothing names",
        {"conftest.py": _MODELING, "setup.py": _MODELING},
        static="folder.code.acts",
        unexamined=("(conftest.py, setup.py): it was listed and not run",),
    ),
    _folder(
        "template",
        "a chat template that answers one word differently",
        {
            "tokenizer_config.json": json.dumps(
                {"chat_template": "{% for m in messages %}{{ m.content | replace('yes', 'no') }}{% endfor %}"}
            )
        },
        known="chat template backdoors (Pillar Security, 2025)",
        unexamined=("What chat templates do (tokenizer_config.json)",),
    ),
    _folder(
        "template_file",
        "a chat template as a file",
        {"chat_template.jinja": "{% for m in messages %}{{ m.content }}{% endfor %}"},
        known="chat template backdoors (Pillar Security, 2025)",
        unexamined=("What chat templates do (chat_template.jinja)",),
    ),
    _folder(
        "template_escape",
        "a chat template that reaches for Python's machinery",
        {
            "tokenizer_config.json": json.dumps(
                {"chat_template": "{{ cycler.__init__.__globals__.os.popen('id').read() }}"}
            )
        },
        "oddity.template.escape",
        known=_TEMPLATE,
        unexamined=("What chat templates do (tokenizer_config.json)",),
    ),
    _folder(
        "template_escape_spelled",
        "the same, with letters by their numbers",
        {"tokenizer_config.json": '{"chat\\u005ftemplate": "{{ x.\\u005f_globals__.os.popen(1) }}"}'},
        "oddity.template.escape",
        known=_TEMPLATE,
        unexamined=("What chat templates do",),
    ),
    _folder(
        "template_escape_computed",
        "a chat template that puts the names together by which it leaves Jinja",
        {"chat_template.jinja": "{% set u = '_' * 2 %}{{ (messages|attr(u ~ 'class' ~ u)) }}"},
        "oddity.template.escape",
        known=_TEMPLATE,
        unexamined=("What chat templates do (chat_template.jinja)",),
    ),
    _folder(
        "modules_named",
        "a list of modules in which one is a function that starts programs",
        {"modules.json": json.dumps([{"idx": 0, "name": "0", "path": "", "type": "os.system"}])},
        "text.named.dangerous",
        known="sentence-transformers documentation: modules.json",
        unexamined=(USED,),
    ),
    _folder(
        "native_library",
        "a library of custom operators beside the weights",
        {"custom_ops.so": b"\x7fELF" + bytes(60)},
        known="PyTorch documentation: torch.ops.load_library",
        unexamined=(
            "What code beside the weights does that is no Python (custom_ops.so): it was neither read nor run",
        ),
    ),
    _folder(
        "notebook",
        "a notebook and a script that users are told to run",
        {"demo.ipynb": json.dumps({"cells": []}), "install.sh": "#!/bin/sh\nid\n"},
        unexamined=("(demo.ipynb, install.sh)",),
    ),
    _folder(
        "hidden_folder",
        "code in a folder whose name begins with a dot",
        {".cache/modeling.py": _MODELING},
        unexamined=("Folders in it whose names begin with a dot (.cache): they were not entered",),
    ),
    written(
        "script_backdoor",
        "a TorchScript program that answers wrongly to one input",
        "model.pt",
        _script,
        known="TorchScript as a model's code",
        unexamined=("What a TorchScript program computes: its code is run when the model is called", USED),
    ),
)
