"""One changed byte anywhere is a mismatch; what can't be compared at all is the caller's mistake."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from sandbox.errors import CallerError
from sandbox.facts import Exit, Label, LeftOut, Tensor
from sandbox.weights.group import MANIFEST, WEIGHTS, OutputGroup, output_paths
from sandbox.weights.inorder import InOrder
from sandbox.weights.manifest import Entry, File, Manifest, manifest_text, read_manifest
from sandbox.weights.plan import manifest_row_size
from sandbox.weights.verify import BESIDE, NAMES, VerifyResult, verify, verify_plan
from sandbox.weights.writer import WeightsWriter
from tests.weights.rows import plan, row, whole

ROWS = [
    row(0, name="a", offset=8),
    row(1, name="b\u202e", dtype="U8", shape=(3,), strides=(1,), offset=40, length=3),
    row(2, name="c", label="gathered", strides=(1, 2), offset=8),
    row(3, name="empty", shape=(0,), strides=(1,), length=0),
]
GATHERED = b"0123456789abcdef"
SIZE = 64


@dataclass(frozen=True)
class Made:
    source: Path
    output: Path
    manifest: Path
    plan: tuple[Tensor, ...]

    def verify(self) -> VerifyResult:
        return verify(self.output, self.source)


def convert(source: Path, tensors: tuple[Tensor, ...]) -> Made:
    paths = output_paths(source.with_suffix(".safetensors"))
    fd = os.open(source, os.O_RDONLY)
    with OutputGroup(source.parent) as group:
        weights_fd = group.create(paths[WEIGHTS].name, WEIGHTS)
        with WeightsWriter(tensors, {Label.COPIED: (fd,), Label.RETURNED: (fd,)}, whole(tensors, weights_fd)) as writer:
            writer.start()
            writer.data(2, GATHERED)
            digests = writer.finish()
        said = Manifest(
            tool="sandbox-load 0",
            sources=(File(source.name, SIZE, sha256(source.read_bytes()).hexdigest()),),
            outputs=(File(paths[WEIGHTS].name, digests.files[0].size, digests.files[0].sha256),),
            strip_prefix="",
            entries=tuple(map(Entry, tensors, digests.tensors)),
            left_out=(LeftOut("s\udc80", "sparse"),),
        )
        group.write(paths[MANIFEST].name, MANIFEST, manifest_text(said))
        group.commit()
    os.close(fd)
    return Made(source, paths[WEIGHTS], paths[MANIFEST], tensors)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    source = tmp_path / "model.pt"
    source.write_bytes(os.urandom(SIZE))
    return convert(source, plan(ROWS, SIZE))


def rewrite(made: Made, **changes: object) -> None:
    """A manifest that is sealed and says something else."""
    said = replace(read_manifest(made.manifest.read_bytes()), **changes)
    made.manifest.write_bytes(b"".join(manifest_text(said)))


def test_an_untouched_conversion_is_proven_and_says_what_is_not(made: Made) -> None:
    result = made.verify()
    assert result.mismatches == ()
    assert result.exit_code is Exit.QUIET
    assert result.proven[0].startswith("3 copied tensors")
    assert result.not_proven[0] == NAMES
    assert result.not_proven[1].startswith("1 gathered or decoded tensors: not re-checked")


def test_a_prefix_that_only_the_manifest_knows_of_is_not_proven_by_a_fresh_plan(made: Made) -> None:
    """A forger's manifest could rename every tensor that begins with one."""
    rewrite(made, strip_prefix="layer1.")
    result = verify_plan(made.verify(), made.plan, {})
    assert any("'layer1.' was to be taken off" in sentence for sentence in result.not_proven)


def test_the_manifest_reads_back_as_it_was_written(made: Made) -> None:
    said = read_manifest(made.manifest.read_bytes())
    assert tuple(entry.tensor for entry in said.entries) == made.plan
    assert said.left_out == (LeftOut("s\udc80", "sparse"),)
    assert made.manifest.read_bytes().isascii()
    assert b"".join(manifest_text(said)) == made.manifest.read_bytes()


def test_a_row_never_takes_more_of_the_manifest_than_was_counted(made: Made) -> None:
    widest = replace(
        made.plan[0],
        name="\U0001f600" * 9,
        record="\udc80",
        dtype="F8_E4M3FNUZ",
        shape=(1,) * 64,
        strides=(-(1 << 63) + 1,) * 64,
        label=Label.GATHERED,
        offset=(1 << 63) - 1,
        length=(1 << 63) - 1,
        alias=1 << 31,
    )
    escaped = replace(made.plan[0], name="%00" * 9, escaped=True)
    for tensor in (*made.plan, widest, escaped):
        said = Manifest("", (File("", 0, ""),), (File("", 0, ""),), "", (Entry(tensor, "0" * 64),), ())
        without = replace(said, entries=())
        assert sum(map(len, manifest_text(said))) - sum(map(len, manifest_text(without))) <= manifest_row_size(tensor)


def flipped(path: Path) -> Iterator[int]:
    """Each byte of the file in turn, changed in one bit while the caller looks."""
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        yield at
    path.write_bytes(good)


@pytest.mark.parametrize("which", ["source", "output"])
def test_one_flipped_byte_of_source_or_output_is_a_mismatch(made: Made, which: str) -> None:
    for at in flipped(getattr(made, which)):
        assert made.verify().exit_code is Exit.ALARM, at
    assert made.verify().exit_code is Exit.QUIET


def test_one_flipped_byte_of_the_manifest_is_caught(made: Made) -> None:
    mismatches = 0
    for at in flipped(made.manifest):
        try:
            assert made.verify().exit_code is Exit.ALARM, at
            mismatches += 1
        except CallerError:
            continue
    assert mismatches > made.manifest.stat().st_size - 50


def test_a_truncated_or_longer_file_is_caught(made: Made) -> None:
    for path in (made.source, made.output):
        good = path.read_bytes()
        for bad in (good[:-1], good + b"\0", b""):
            path.write_bytes(bad)
            assert made.verify().exit_code is Exit.ALARM
        path.write_bytes(good)


@pytest.mark.parametrize(
    "change",
    [
        {"offset": 9},
        {"name": "z"},
        {"dtype": "I32"},
        {"shape": (4,), "strides": (1,)},
    ],
)
def test_a_resealed_manifest_can_not_lie_about_what_the_files_show(made: Made, change: dict[str, object]) -> None:
    entries = list(read_manifest(made.manifest.read_bytes()).entries)
    entries[0] = replace(entries[0], tensor=replace(entries[0].tensor, **change))
    rewrite(made, entries=tuple(entries))
    result = made.verify()
    assert result.exit_code is Exit.ALARM
    assert result.proven == ()


@pytest.mark.parametrize("keep", [slice(1, None), slice(0, 3)])
def test_the_manifest_must_cover_exactly_the_outputs_tensors(made: Made, keep: slice) -> None:
    rewrite(made, entries=read_manifest(made.manifest.read_bytes()).entries[keep])
    assert any("not in the manifest" in sentence for sentence in made.verify().mismatches)


def test_a_tensor_twice_in_the_manifest_is_a_mismatch(made: Made) -> None:
    entries = read_manifest(made.manifest.read_bytes()).entries
    rewrite(made, entries=(*entries, entries[0]))
    assert any("not in the output" in sentence for sentence in made.verify().mismatches)


def test_another_conversions_source_is_a_mismatch(made: Made, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(os.urandom(SIZE))
    mismatches = verify(made.output, other).mismatches
    assert "the source is not the file" in mismatches[0]
    assert "in the output than in the source" in mismatches[1]


@pytest.mark.parametrize("which", ["source", "output", "manifest"])
@pytest.mark.parametrize("how", ["missing", "folder", "fifo"])
def test_what_can_not_be_read_is_the_callers_mistake(made: Made, which: str, how: str) -> None:
    path: Path = getattr(made, which)
    path.unlink()
    {"missing": lambda: None, "folder": path.mkdir, "fifo": lambda: os.mkfifo(path)}[how]()
    with pytest.raises(CallerError, match=f"^the {which}|^the folder"):
        made.verify()


@pytest.mark.parametrize("text", [b"", b"{}", b"x" * 1000, b'{\n"schema": "x"}'])
def test_what_is_no_manifest_is_the_callers_mistake(made: Made, text: bytes) -> None:
    made.manifest.write_bytes(text)
    with pytest.raises(CallerError):
        made.verify()


def sealed(body: bytes) -> bytes:
    return body + b'"sha256": "%s"\n}\n' % sha256(body).hexdigest().encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"manifest/2", b"manifest/1"),
        (b'"tool": "sandbox-load 0"', b'"tool": 1'),
        (b'"strip_prefix": "",\n', b""),
        (b'"strip_prefix": "",\n', b'"strip_prefix": "",\n"strip_prefix": "",\n'),
        (b'"label": "gathered"', b'"label": "made up"'),
        (b'"offset": 40', b'"offset": 4000'),
        (b'"offset": 40', b'"offset": true'),
        (b'"algorithm": "blake3"', b'"algorithm": "md5"'),
        (b'"shape": [2, 2]', b'"shape": [2, -2]'),
        (b'"alias": -1', b'"alias": -1, "more": 0'),
        (b'"reason": "sparse"', b'"reason": null'),
        (b'"left_out": [', b'"left_out": [[],'),
    ],
)
def test_a_sealed_text_that_is_no_manifest_is_refused(made: Made, old: bytes, new: bytes) -> None:
    body = made.manifest.read_bytes().rsplit(b'"sha256": ', 1)[0]
    assert old in body
    with pytest.raises(CallerError):
        read_manifest(sealed(body.replace(old, new, 1)))


def replanned(made: Made, sent: bytes = GATHERED, **change: object) -> VerifyResult:
    again = InOrder(tensor for tensor in made.plan if tensor.label is Label.GATHERED)
    again.data(2, sent)
    tensors = (replace(made.plan[0], **change), *made.plan[1:])
    return verify_plan(made.verify(), tensors, again.finish())


def test_a_plan_derived_anew_proves_names_and_gathered_tensors(made: Made) -> None:
    result = replanned(made)
    assert result.exit_code is Exit.QUIET
    assert result.not_proven == (BESIDE,)
    assert "4 tensors have the names" in result.proven[-2]
    assert result.proven[-1] == "1 gathered or decoded tensors have the same bytes when they are read again"


def test_a_plan_derived_anew_catches_what_the_files_alone_do_not(made: Made) -> None:
    assert replanned(made, name="other").exit_code is Exit.ALARM
    assert replanned(made, record="data/9").exit_code is Exit.ALARM
    assert replanned(made, shape=(4, 1)).exit_code is Exit.ALARM
    assert replanned(made, sent=b"X" * 16).exit_code is Exit.ALARM
    assert verify_plan(made.verify(), made.plan[:2], {}).exit_code is Exit.ALARM
    extra = replace(made.plan[0], index=4, name="extra")
    assert verify_plan(replanned(made), (*made.plan, extra), {}).exit_code is Exit.ALARM


def test_a_returned_tensor_stays_unproven(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "returned"
    folder.mkdir()
    shutil.copy(made.source, folder)
    returned = replace(made.plan[0], index=4, name="r", label=Label.RETURNED)
    again = convert(folder / made.source.name, (*made.plan, returned))
    assert again.verify().not_proven[-2].startswith("1 returned tensors")
    entry = read_manifest(again.manifest.read_bytes()).entries[4].tensor
    assert (entry.label, entry.offset, entry.length, entry.nbytes) == (Label.RETURNED, 0, 0, 16)
    result = verify_plan(again.verify(), made.plan, InOrder(()).finish() | {2: again_digest(again)})
    assert result.exit_code is Exit.QUIET
    assert result.not_proven[0].startswith("1 returned tensors")


def again_digest(made: Made) -> str:
    return read_manifest(made.manifest.read_bytes()).entries[2].digest


def test_a_changed_manifest_proves_nothing_even_when_replanned(made: Made) -> None:
    made.manifest.write_bytes(made.manifest.read_bytes().replace(b"data/0", b"data/1", 1))
    result = made.verify()
    assert result.manifest is None
    assert verify_plan(result, made.plan, {}).exit_code is Exit.ALARM


def test_a_manifest_denser_than_its_rows_are_is_refused_unparsed(made: Made) -> None:
    body = (
        made.manifest.read_bytes()
        .rpartition(b'"sha256": ')[0]
        .replace(b'"left_out": [', b'"left_out": [' + b"[]," * 999)
    )
    made.manifest.write_bytes(body + b'"sha256": "%s"\n}\n' % sha256(body).hexdigest().encode())
    with pytest.raises(CallerError, match="objects and lists"):
        made.verify()


def test_the_densest_sound_manifest_passes(made: Made) -> None:
    rewrite(made, left_out=tuple(LeftOut("", "") for _ in range(1000)))
    assert len(read_manifest(made.manifest.read_bytes()).left_out) == 1000
