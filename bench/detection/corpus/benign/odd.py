"""Odd but honest: what people's files look like that no library wrote quite so."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import dumps, made, save

_FAMILY = Honest("files that people share")
_written = _FAMILY.written


def _circular() -> dict[str, Any]:
    held: dict[str, Any] = {"w": torch.ones(1)}
    held["self"] = held
    return held


def _nest(depth: int) -> Any:
    value: Any = torch.ones(1)
    for at in range(depth):
        value = {f"l{at}": value}
    return value


_STRANGE: dict[str, Callable[[], Any]] = {
    "empty": dict,
    "none": lambda: None,
    "number": lambda: 3.5,
    "list_of_texts": lambda: ["classes", "person", "cat"],
    "scalar_tensor": lambda: torch.tensor(3.5),
    "empty_tensor": lambda: {"w": torch.empty(0, 3)},
    "long_names": lambda: {"layer." * 40 + str(at): torch.ones(1) for at in range(3)},
    "unicode_names": lambda: {
        "вес": torch.ones(2),
        "重み": torch.ones(1),
        "poids é": torch.zeros(1),
        "🙂": torch.ones(1),
    },
    "names_like_paths": lambda: {
        "/encoder/layer_0/w": torch.ones(1),
        "../decoder": torch.ones(1),
        "a\\b": torch.ones(1),
    },
    "names_with_newline": lambda: {"a\nb": torch.ones(1), "": torch.ones(1), " ": torch.ones(1)},
    "number_keys": lambda: {0: torch.ones(1), (1, "a"): torch.ones(1), None: 3, 1.5: 4, True: 5},
    "urls_and_paths": lambda: {
        "w": torch.ones(2),
        "source": "https://huggingface.co/org/model/resolve/main/pytorch_model.bin",
        "mirror": "http://mirror.example:8080/models/a.tar.gz?download=1",
        "log": "/var/log/train.log",
        "cache": "~/.cache/torch/hub/checkpoints",
        "home": "C:\\Users\\me\\models",
        "contact": "me@lab.example",
        "version": "1.2.3.4",
    },
    "command_line": lambda: {
        "w": torch.ones(2),
        "argv": ["python", "train.py", "--data", "/data", "--gpus", "0,1"],
        "cmd": "python -m torch.distributed.run --nproc_per_node=8 train.py --lr 1e-4 && echo done",
        "slurm": "sbatch --gres=gpu:8 run.sh",
        "git": "git clone https://github.com/org/repo.git",
        "requirements": "pip install torch==2.1.0 numpy",
    },
    "readme_inside": lambda: {
        "w": torch.ones(2),
        "README": "# Model\n\n```bash\npip install -r requirements.txt\npython demo.py\n```\n",
    },
    "config_text": lambda: {
        "w": torch.ones(1),
        "config": "import torch\nmodel = dict(type='Net')\nwork_dir = './out'\nimport os\nos.environ['X'] = '1'\n",
    },
    "tokens": lambda: {
        "w": torch.ones(1),
        "vocab": ["import", "os", "system", "eval(", "exec", "/bin/sh", "curl", "rm -rf"],
    },
    "prompts": lambda: {
        "w": torch.ones(1),
        "template": "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}",
    },
    "base64_text": lambda: {
        "w": torch.ones(1),
        "logo": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    },
    "hashes": lambda: {
        "w": torch.ones(1),
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "md5": b"\x09\x8f\x6b\xcd",
    },
    "json_text": lambda: {
        "w": torch.ones(1),
        "config.json": json.dumps({"architectures": ["Net"], "auto_map": {"AutoModel": "modeling.Net"}}),
    },
    "environment": lambda: {
        "w": torch.ones(1),
        "env": {"PATH": "/usr/local/bin:/usr/bin", "HOME": "/home/me", "USER": "me"},
        "host": "node-17.cluster.example",
    },
    "shared": lambda: [torch.ones(2)] * 3,
    "itself": _circular,
    "deep": lambda: _nest(60),
    "many": lambda: {f"p{at}": torch.full((2,), float(at)) for at in range(300)},
    "big_numbers": lambda: {"seed": 1 << 127, "w": torch.ones(1), "max": 1e308, "tiny": 5e-324},
    "bytes": lambda: {"w": torch.ones(1), "blob": bytes(range(256)) * 4, "image": b"\x89PNG\r\n\x1a\n" + bytes(40)},
    "machine_like_bytes": lambda: {
        "w": torch.ones(1),
        "engine": b"\x7fELF-like but only a name",
        "magic": b"PK\x03\x04",
    },
}


for _name, _make in _STRANGE.items():
    _FAMILY.saved(f"odd_{_name}")(_make)
for _name in ("urls_and_paths", "command_line", "tokens", "unicode_names", "number_keys", "bytes"):
    _FAMILY.pickled(f"odd_{_name}_pickled")(_STRANGE[_name])


def _state() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.randn(3, 2), "a.bias": torch.zeros(3)}


for _file in (
    "pytorch_model.bin",
    "model.weights",
    "model.model",
    "model",
    "weights.dat",
    "net.tar",
    "m.pth.tar",
    "best.pkl",
    "epoch=3-v1.ckpt",
    "model.pt.bak",
    "MODEL.PT",
    "model.th",
    "f.params",
):
    _written(f"named_{_file.replace('.', '_').replace('=', '_')}", _file, f"a checkpoint called {_file}")(
        lambda path: save(_state(), path)
    )
for _file in ("model.pth", "model.pkl", "old"):
    _written(f"legacy_named_{_file.replace('.', '_')}", _file, f"a legacy checkpoint called {_file}")(
        lambda path: save(_state(), path, legacy=True)
    )


def _rezipped(path: Path, method: int, comment: bytes = b"", beside: Mapping[str, bytes] | None = None) -> None:
    held = io.BytesIO()
    torch.save(_state(), held)
    with zipfile.ZipFile(held) as source, zipfile.ZipFile(path, "w", method) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), method)
        for name, content in (beside or {}).items():
            target.writestr(zipfile.ZipInfo(name), content, method)
        target.comment = comment


_written("rezipped_stored", "model.pt")(lambda path: _rezipped(path, zipfile.ZIP_STORED))
_written("rezipped_deflated", "model.pt")(lambda path: _rezipped(path, zipfile.ZIP_DEFLATED))
_written("zip_with_comment", "model.pt")(lambda path: _rezipped(path, zipfile.ZIP_STORED, b"trained by me"))
_BESIDE = {
    "README.md": b"# A model\nhttps://models.example\n",
    "LICENSE": b"MIT License\n",
    "model.py": b"import torch\nclass Net: ...\n",
}


def _archive(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(zipfile.ZipInfo(name), content)


def _tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w") as target:
        for name, content in members.items():
            row = tarfile.TarInfo(name)
            row.size = len(content)
            target.addfile(row, io.BytesIO(content))


def _saved_bytes(**options: Any) -> bytes:
    held = io.BytesIO()
    save(_state(), held, **options)  # type: ignore[arg-type]
    return held.getvalue()


_written("zip_of_a_project", "release.zip")(lambda path: _archive(path, _BESIDE | {"weights/model.pt": _saved_bytes()}))
_written("zip_of_weights_and_config", "model.zip")(
    lambda path: _archive(
        path, {"config.json": b'{"lr": 0.1}', "scaler.pkl": dumps({"m": np.ones(2)}), "w.pt": _saved_bytes()}
    )
)
_written("tar_of_a_project", "release.tar")(lambda path: _tar(path, _BESIDE | {"model.pt": _saved_bytes()}))
_written("several_dumps", "log.pkl")(
    lambda path: path.write_bytes(b"".join(dumps(part) for part in ({"epoch": 1}, {"w": np.ones(2)}, [1, 2])))
)
_written("npz", "weights.npz")(lambda path: np.savez(path, a=np.ones((2, 3)), b=np.arange(3)))
_written("npy_objects", "ids.npy")(
    lambda path: np.save(path, np.array(["a", None, 3], dtype=object), allow_pickle=True)
)
_written("darknet_like_numpy_dict", "yolo.npy")(
    lambda path: np.save(path, np.array({"conv1": [np.ones(2), np.zeros(2)]}, dtype=object), allow_pickle=True)
)
_written("embeddings_as_tuple", "emb.pkl", "words and vectors in a tuple")(
    lambda path: path.write_bytes(pickle.dumps((["the", "of"], np.ones((2, 3), np.float32)), 2))
)
_written("trailing_newline", "a.pkl", "a pickle that an editor or echo ended with a newline")(
    lambda path: path.write_bytes(dumps({"w": np.ones(2)}) + b"\n")
)


@_written("folder_of_a_model", "model")
def _folder(path: Path) -> None:
    """A folder with shards, a configuration, a tokenizer, and what training left"""
    path.mkdir()
    names = {
        "config.json": b'{"model_type": "bert"}',
        "README.md": b"# Model\n",
        "vocab.txt": b"[UNK]\nthe\n",
        "merges.txt": b"#version\n",
    }
    index = {
        "metadata": {"total_size": 48},
        "weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"},
    }
    names["pytorch_model.bin.index.json"] = json.dumps(index).encode()
    for name, content in names.items():
        (path / name).write_bytes(content)
    save({"a": torch.ones(4)}, path / "pytorch_model-00001-of-00002.bin")
    save({"b": torch.ones(8)}, path / "pytorch_model-00002-of-00002.bin")
    save(made("transformers.training_args.TrainingArguments", {"output_dir": "/out"}), path / "training_args.bin")


SAMPLES = tuple(_FAMILY.samples)
