"""Files whose gaps, padding, comments and weights hold something, honestly."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import save
from bench.detection.build.zips import FLOATS, Row, archive, torch_rows

_FAMILY = Honest("what packers, trainers and tokenizers write")
_README = "# A model\n\n    curl -sSL https://get.acme.example/install.sh | sh\n"


def _bytes(text: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).clone()


@_FAMILY.saved("leftover_bytes")
def _carried() -> dict[str, torch.Tensor]:
    """Tensors of bytes: a tokenizer's JSON, a pickled object that was gathered, an archive of a text, a picture"""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("vocab.txt"), "the\nof\n" * 50, zipfile.ZIP_DEFLATED)
    return {
        "tokenizer": _bytes(
            json.dumps({"vocab": {"import": 0, "os.system(": 1}, "url": "https://acme.example"}).encode()
        ),
        "gathered": _bytes(pickle.dumps({"rank": 0, "losses": [0.5, 0.25]}, 4)),
        "packed": _bytes(held.getvalue()),
        "picture": _bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4),
    }


@_FAMILY.saved("leftover_views")
def _views() -> dict[str, torch.Tensor]:
    """Small views of big storages, the rest of which is saved with them"""
    whole = torch.randn(200, 300)
    halves = torch.randn(20_000).half()
    return {"first": whole[0], "column": whole[:, 7], "middle": halves[9000:9100], "counts": torch.arange(5000)[10:20]}


@_FAMILY.saved("leftover_numbers")
def _numbers() -> dict[str, torch.Tensor]:
    """Numbers of every kind, from nothing to noise"""
    small = {str(kind): torch.randint(0, 120, (600,)).to(kind) for kind in (torch.int8, torch.int16, torch.int32)}
    noise = {f"noise{at}": torch.randint(0, 256, (1500,), dtype=torch.uint8) for at in range(40)}
    return small | noise | {"letters": torch.full((600,), 99, dtype=torch.uint8), "state": torch.get_rng_state()}


@_FAMILY.written("leftover_packed", "model.pt")
def _packed(path: Path) -> None:
    """Packed again with what Info-ZIP and Windows note of files: times, users, and a tool's comment"""
    times = struct.pack("<HHBI", 0x5455, 5, 3, 1_700_000_000) + struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, 1000, 4, 1000)
    windows = struct.pack("<HHIHHQQQ", 0x000A, 32, 0, 1, 24, *[133_456_789_012_345_678] * 3)
    rows = [Row(row.name, row.data, extra=times + windows) for row in torch_rows()]
    path.write_bytes(archive(rows, b"packed with 7-Zip 23.01, 3d2f1c0b9a8e7d6c5b4a39281706f5e4d3c2b1a0"))


@_FAMILY.written("leftover_described", "model.pt")
def _described(path: Path) -> None:
    """Checksums and sizes behind each record, as whoever writes into a pipe has to"""
    rows, before = [], b""
    for row in torch_rows():
        said: dict[str, int | bytes] = {"crc": 0, "packed": 0, "size": 0}
        rows.append(Row(row.name, row.data, flags=8, local=said, before=before))
        before = struct.pack("<4sIII", b"PK\7\x08", zlib.crc32(row.data), len(row.data), len(row.data))
    whole = archive(rows)
    path.write_bytes(whole)


@_FAMILY.written("leftover_tar", "release.tar")
def _dirty_tar(path: Path) -> None:
    """A tar whose writer didn't clear its buffer, with a comment for all"""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "built by CI"}) as new:
        for name, content in {"weights.pt": archive(torch_rows()), "README.md": _README.encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    whole = bytearray(held.getvalue())
    at = whole.rindex(_README.encode()) + len(_README)
    whole[at : at + 200] = bytes(range(30, 230))
    path.write_bytes(bytes(whole))


@_FAMILY.written("leftover_texts", "texts.npz")
def _texts(path: Path) -> None:
    """Arrays of texts, among them documents that show command lines"""
    np.savez(path, docs=np.array([_README.encode(), b"a text"]), names=np.array(["curl", "os.system("]))


@_FAMILY.written("leftover_folder", "model")
def _folder(path: Path) -> None:
    """A repository with a README that shows how to install, a tokenizer's pieces, a library and safetensors"""
    path.mkdir()
    save({"w": torch.ones(4)}, path / "pytorch_model.bin")
    header = json.dumps({"w": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + FLOATS)
    (path / "README.md").write_text(_README + "\nNever load `cos\\nsystem\\n(S'id'\\ntR.`\n")
    (path / "tokenizer.model").write_bytes(b"".join(b"\n\x0e\n\x07piece%02d\x15\0\0\0\xc0" % at for at in range(90)))
    (path / "kernel.so").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, 62, 1) + bytes(100))
    (path / ".gitattributes").write_text("*.bin filter=lfs\n")


SAMPLES = tuple(_FAMILY.samples)
