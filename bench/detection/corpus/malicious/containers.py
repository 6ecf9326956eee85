"""Where a payload may lie: formats, formats within formats, names that belie them, files that are two at once."""

from __future__ import annotations

import tarfile
from pathlib import Path

from bench.detection.build.containers import (
    FLOAT_ARRAY,
    PACKERS,
    joblib_array,
    joblib_crossed,
    legacy,
    legacy_body,
    objects,
    tarred,
    torch_tar,
    zipped,
)
from bench.detection.build.zips import HOSTILE, SYSTEM, archive, torch_rows
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import model, stream

_PICKLE = stream(model(SYSTEM))
_TEXT = b"cposix\nsystem\n(S'id'\ntR."  # protocol 0
_QUIET = stream({"epoch": 3})
_TORCH = archive(torch_rows(data=HOSTILE))
_HONEST = archive(torch_rows())
_FORMATS = "the formats' own documentation"
_PICKLESCAN = "picklescan's advisories on files that it doesn't open"
_NAMES = "picklescan's and modelscan's choice of files by their names"
_POLYGLOT = "polyglot models: Trail of Bits, 2024"
_RUN = "event.fork event.program"


def _written(content: bytes | dict[str, bytes], path: Path) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    path.mkdir(exist_ok=True)
    for name, part in content.items():
        (path / name).write_bytes(part)


def _sample(
    name: str,
    technique: str,
    source: str,
    file: str,
    content: bytes | dict[str, bytes],
    static: str = "global.dangerous.called",
    watched: str = "",
) -> Sample:
    def build(path: Path) -> None:
        _written(content, path)

    return Sample(name, Part.MALICIOUS, technique, source, file, build, rules(static), rules(watched))


def _link(name: str, target: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, target
    return made


def _deep(times: int) -> bytes:
    content = _PICKLE
    for _ in range(times):
        content = PACKERS["gzip"](content)
    return content


def _tar_and_pickle() -> bytes:
    """A pickle of protocol 0 whose bytes are a tar's header, too."""
    block = bytearray(512)
    block[: len(_TEXT)] = _TEXT
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


_LEGACY = (
    _sample(
        "legacy_system_info",
        "a payload in the pickle of the writer's machine",
        _FORMATS,
        "model.pt",
        legacy(legacy_body(), system=model(SYSTEM)),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "legacy_keys",
        "a payload among the storages' keys",
        _FORMATS,
        "model.pt",
        legacy(legacy_body(), keys=["0", SYSTEM]),
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "legacy_second",
        "a payload in the second model of the file, which a second torch.load gives",
        _FORMATS,
        "model.pt",
        legacy(legacy_body()) + legacy(legacy_body(hook=SYSTEM)),
    ),
    _sample(
        "legacy_trailing",
        "a pickle behind the last storage",
        _FORMATS,
        "model.pt",
        legacy(legacy_body()) + _PICKLE,
        "global.dangerous.called oddity.trailing",
    ),
    _sample(
        "legacy_and_zip",
        "an old PyTorch file to who reads from the front, a new one from the back",
        _POLYGLOT,
        "model.pt",
        legacy(legacy_body(hook=SYSTEM)) + _HONEST,
        "format.polyglot global.dangerous.called oddity.trailing oddity.unlisted reader.incomplete",
        _RUN,
    ),
)
_TAR = (
    _sample(
        "torch_tar_object",
        "PyTorch's archive before 0.1.10, the payload in its object",
        _FORMATS,
        "model.pt",
        torch_tar(pickled={"hook": SYSTEM}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "torch_tar_extra",
        "a member that PyTorch didn't write",
        _FORMATS,
        "model.pt",
        torch_tar(more={"more.pkl": _PICKLE}),
        "global.dangerous.called oddity.stranger",
    ),
    _sample(
        "torch_tar_front",
        "a payload in place of the number of storages",
        _FORMATS,
        "model.pt",
        torch_tar(storages=stream(SYSTEM, 2)),
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
    ),
    _sample(
        "torch_tar_trailing",
        "a pickle behind the object",
        _FORMATS,
        "model.pt",
        torch_tar(more={"pickle": stream({"epoch": 3}, 2) + _PICKLE}),
        "global.dangerous.called oddity.behind",
    ),
    _sample(
        "tar_member",
        "a pickle in a tar",
        _PICKLESCAN,
        "model.tar",
        tarred({"weights/model.pkl": _PICKLE}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "tar_leads_out",
        "a tar that unpacks into the home",
        "CVE-2007-4559",
        "model.tar",
        tarred({"../.bashrc": b"id\n", "model.pkl": _PICKLE}),
        "global.dangerous.called oddity.path",
        _RUN,
    ),
    _sample(
        "tar_link_out",
        "a link out of the folder that a tar is unpacked to",
        "CVE-2025-4517",
        "model.tar",
        tarred({"model.pkl": _PICKLE}, _link("logs", "../../.ssh")),
        "global.dangerous.called oddity.path",
        _RUN,
    ),
    _sample(
        "tar_twice",
        "two members of one name",
        _FORMATS,
        "model.tar",
        tarred({"model.pkl": _QUIET})[:1024] + tarred({"model.pkl": _PICKLE}),
        "global.dangerous.called oddity.duplicate reader.incomplete",
        _RUN,
    ),
    _sample(
        "tar_behind",
        "a tar behind the end of a tar, which some programs read",
        _FORMATS,
        "model.tar",
        tarred({"model.pkl": _QUIET}) + tarred({"more.pkl": _PICKLE}),
        "global.dangerous.called oddity.trailing reader.incomplete",
    ),
    _sample(
        "tar_and_pickle",
        "a tar to torch, a pickle to pickle.load",
        _POLYGLOT,
        "model.pt",
        _tar_and_pickle(),
        "format.polyglot global.dangerous.called oddity.trailing reader.incomplete",
    ),
)
_ARRAYS = (
    _sample(
        "npy_objects",
        "an array of objects",
        _FORMATS,
        "weights.npy",
        objects(SYSTEM),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "npy_second",
        "an array of objects behind an honest one, which a second numpy.load gives",
        _FORMATS,
        "weights.npy",
        FLOAT_ARRAY + objects(SYSTEM),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "npy_trailing",
        "a pickle behind an array",
        _FORMATS,
        "weights.npy",
        FLOAT_ARRAY + _PICKLE,
        "global.dangerous.called oddity.trailing reader.incomplete",
    ),
    _sample(
        "npz_objects",
        "an array of objects in an archive of arrays",
        _FORMATS,
        "weights.npz",
        zipped({"weight.npy": FLOAT_ARRAY, "notes.npy": objects(SYSTEM)}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "npz_named_otherwise",
        "an array of objects under another name than .npy",
        _FORMATS,
        "weights.npz",
        zipped({"weight.npy": FLOAT_ARRAY, "notes.txt": objects(SYSTEM)}),
        "format.disguised global.dangerous.called",
        _RUN,
    ),
    _sample(
        "joblib_object",
        "a joblib file",
        _FORMATS,
        "model.joblib",
        stream([joblib_array(b"\1\2\3"), SYSTEM]),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "joblib_second",
        "a payload in joblib's second object",
        _FORMATS,
        "model.joblib",
        stream([joblib_array(b"\1\2\3")]) + _PICKLE,
    ),
    _sample(
        "joblib_opcodes",
        "an array to joblib, a payload to pickle.load",
        _POLYGLOT,
        "model.joblib",
        stream([joblib_array(SYSTEM + b"0(")]),
        "global.dangerous.called oddity.joblib",
    ),
    _sample(
        "joblib_crossed",
        "an array of objects to joblib, whose names plain pickle takes from the memo of the pickle around it",
        _POLYGLOT,
        "model.joblib",
        stream(joblib_crossed("scipy.optimize._minpack_py", "posix", "system"), 4),
        "global.dangerous.called oddity.joblib",
    ),
)
_PACKED = tuple(
    _sample(
        f"packed_{name}",
        f"a pickle, compressed by {name}",
        _PICKLESCAN,
        "model.pkl.z",
        pack(_PICKLE),
        "global.dangerous.called",
        _RUN,
    )
    for name, pack in PACKERS.items()
)
_NESTED = (
    _sample(
        "packed_trailing",
        "a compressed pickle, and one behind it that isn't",
        _PICKLESCAN,
        "model.pkl.gz",
        PACKERS["gzip"](_QUIET) + _PICKLE,
        "global.dangerous.called oddity.trailing",
    ),
    _sample(
        "packed_second",
        "two gzip streams that are one content, with the payload in the second",
        _PICKLESCAN,
        "model.pkl.gz",
        PACKERS["gzip"](_PICKLE[:40]) + PACKERS["gzip"](_PICKLE[40:]),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "zip_in_tar_in_gzip",
        "a pickle in a zip in a tar in gzip",
        _PICKLESCAN,
        "model.tar.gz",
        PACKERS["gzip"](tarred({"a/b.zip": zipped({"c/model.pkl": _PICKLE})})),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "torch_in_zip",
        "a PyTorch archive in a zip",
        _PICKLESCAN,
        "models.zip",
        zipped({"a/model.pt": _TORCH}),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "too_deep",
        "gzip in gzip, thirty deep",
        _PICKLESCAN,
        "model.pkl.gz",
        _deep(30),
        "reader.incomplete",
        "load.failed",
    ),
    _sample(
        "seven_zip",
        "a 7z archive in a zip",
        "nullifAI: 7z-compressed models on Hugging Face, 2025",
        "model.zip",
        zipped({"model.7z": b"7z\xbc\xaf\x27\x1c" + bytes(58)}),
        "reader.incomplete",
    ),
    _sample(
        "seven_zip_as_pt",
        "a 7z archive that is called a model",
        "nullifAI: 7z-compressed models on Hugging Face, 2025",
        "model.pt",
        b"7z\xbc\xaf\x27\x1c" + bytes(58),
        "format.unsupported reader.incomplete",
        "load.unarmed",
    ),
    _sample(
        "rar",
        "a RAR archive that is called a model",
        _PICKLESCAN,
        "model.bin",
        b"Rar!\x1a\x07\1\0" + bytes(56),
        "format.unsupported reader.incomplete",
        "load.unarmed",
    ),
    _sample(
        "pickle_and_zip",
        "a pickle from the front, an archive of pickles from the back",
        _POLYGLOT,
        "model.bin",
        _QUIET + zipped({"model.pkl": _PICKLE}),
        "format.polyglot global.dangerous.called oddity.trailing oddity.unlisted reader.incomplete",
    ),
    _sample(
        "image_and_zip",
        "an image from the front, a PyTorch archive from the back",
        _POLYGLOT,
        "model.png",
        b"\x89PNG\r\n\x1a\n" + bytes(64) + _TORCH,
        "format.disguised global.dangerous.called oddity.unlisted reader.incomplete",
        "load.failed",
    ),
    _sample(
        "array_and_zip",
        "numpy's array from the front, a PyTorch archive from the back",
        _POLYGLOT,
        "model.npy",
        FLOAT_ARRAY + _TORCH,
        "format.polyglot global.dangerous.called oddity.trailing oddity.unlisted reader.incomplete",
    ),
    _sample(
        "safetensors_and_zip",
        "safetensors from the front, a PyTorch archive from the back",
        _POLYGLOT,
        "model.safetensors",
        (16).to_bytes(8, "little") + b"{" + b" " * 14 + b"}" + _TORCH,
        "format.polyglot format.safetensors global.dangerous.called oddity.unlisted reader.incomplete",
        "load.unarmed",
    ),
)
_DISGUISED = tuple(
    _sample(
        f"disguised_{file.rpartition('.')[2]}",
        f"a payload that is called {file}",
        _NAMES,
        file,
        content,
        "format.disguised global.dangerous.called",
        _RUN,
    )
    for file, content in (
        ("model.safetensors", _PICKLE),
        ("config.json", _TEXT),
        ("README.md", _PICKLE),
        ("vocabulary.txt", _PICKLE),
        ("model.h5", _TORCH),
        ("model.onnx", _PICKLE),
        ("model.gguf", _TORCH),
        ("weights.npy", _PICKLE),
        ("weights.npz", PACKERS["zlib"](_PICKLE)),
        ("preview.png", legacy(legacy_body(hook=SYSTEM))),
        ("model.msgpack", stream([joblib_array(b"\1\2\3"), SYSTEM])),
    )
)
_NAMED = (
    _sample(
        "unusual_name",
        "a payload under a name that no scanner looks at",
        _NAMES,
        "weights.v2-final",
        _PICKLE,
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "no_extension",
        "a payload under a name without an extension",
        _NAMES,
        "pytorch_model",
        _TORCH,
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "disguised_in_zip",
        "a payload that is called tokenizer.json, in a zip",
        _NAMES,
        "model.zip",
        zipped({"model.pt": _HONEST, "tokenizer.json": _PICKLE}),
        "format.disguised global.dangerous.called",
        _RUN,
    ),
    _sample(
        "disguised_in_folder",
        "a payload that is called tokenizer.json, beside a model",
        _NAMES,
        "model",
        {"pytorch_model.bin": _HONEST, "tokenizer.json": _PICKLE},
        "format.disguised global.dangerous.called",
        _RUN,
    ),
)
_OTHERS = (
    _sample(
        "pdparams",
        "PaddlePaddle's parameters",
        _FORMATS,
        "model.pdparams",
        _PICKLE,
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "folder_second_shard",
        "the payload in the second shard",
        _FORMATS,
        "model",
        {"pytorch_model-00001-of-00002.bin": _HONEST, "pytorch_model-00002-of-00002.bin": _TORCH},
        "global.dangerous.called reader.incomplete",
        _RUN,
    ),
    _sample(
        "folder_optimizer",
        "a payload in the optimizer's state beside honest weights",
        _FORMATS,
        "checkpoint",
        {"pytorch_model.bin": _HONEST, "optimizer.pt": _TORCH},
        "global.dangerous.called",
        _RUN,
    ),
)

SAMPLES = _LEGACY + _TAR + _ARRAYS + _PACKED + _NESTED + _DISGUISED + _NAMED + _OTHERS
