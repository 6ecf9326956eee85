"""The proof, on checkpoints made by chance and without a jail: the output holds what torch and numpy hold, `verify`
finds it so, and finds every byte that was changed since."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from guest.load import witness

from sandbox.errors import CallerError
from sandbox.facts import Exit, Verdict
from sandbox.weights.verify import verify
from tests import unjailed
from tests.guest.readers.reading_results import read_file
from tests.made import CONTAINERS, make
from tests.written import converted

FEW, MANY = range(2), range(100, 106)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_plan_is_what_the_frameworks_hold_and_what_a_load_holds(container: str, tmp_path: Path) -> None:
    for seed in MANY:
        made = make(seed, container, packed=seed % 4 == 0)
        model = tmp_path / f"made{made.suffix}"
        model.write_bytes(made.content)
        result = read_file(model)
        assert (result.end.reason, result["ODDITY"]) == ("", []), (seed, made.story)
        assert result.tensors(made.content) == made.tensors, (seed, made.story)
        digests = {name: (dtype, shape, blake3(raw).hexdigest()) for name, (dtype, shape, raw) in made.tensors.items()}
        assert witness.forms(unjailed.load(model), unjailed.BUDGET) == digests, (seed, made.story)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("seed", FEW)
def test_what_is_written_is_what_the_frameworks_hold(seed: int, container: str, tmp_path: Path) -> None:
    made = make(seed, container, packed=seed == FEW[-1])
    model, folder = tmp_path / f"made{made.suffix}", tmp_path / "out"
    model.write_bytes(made.content)
    folder.mkdir()
    report = unjailed.convert(model, folder)
    assert report.verdict is Verdict.CLEAN, (made.story, report.findings)
    assert (report.comparison.agree, len(report.comparison.differ)) == (len(made.tensors), 0), made.story
    output = folder / "out.safetensors"
    if not made.tensors:
        assert not output.exists()
        return
    assert converted(output) == made.tensors, made.story
    assert verify(output, folder / "model.pt").exit_code is Exit.QUIET


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, what was made of it and the proof."""
    folder = tmp_path_factory.mktemp("released")
    model = folder / "made.pt"
    model.write_bytes(make(2, "torch zip").content)
    unjailed.convert(model, folder, loaded=False)
    return folder


def _is_caught(folder: Path) -> bool:
    """By a mismatch, or since it is no longer a manifest at all."""
    try:
        return verify(folder / "out.safetensors", folder / "model.pt").exit_code is not Exit.QUIET
    except CallerError:
        return True


def _header(raw: bytes) -> range:
    return range(8, 8 + int.from_bytes(raw[:8], "little"))


# Places of each sort, of which some are changed. The seal is the last line of a manifest.
PLACES: dict[str, tuple[str, Callable[[bytes], range]]] = {
    "the source's first header": ("model.pt", lambda raw: range(64)),
    "the source's data": ("model.pt", lambda raw: range(64, raw.index(b"PK\x01\x02"))),
    "the source's directory": ("model.pt", lambda raw: range(raw.index(b"PK\x01\x02"), len(raw))),
    "the output's length": ("out.safetensors", lambda raw: range(8)),
    "the output's header": ("out.safetensors", _header),
    "the output's data": ("out.safetensors", lambda raw: range(_header(raw).stop, len(raw))),
    "the manifest's text": ("out.manifest.json", lambda raw: range(raw.rindex(b'"sha256"'))),
    "the seal": ("out.manifest.json", lambda raw: range(raw.rindex(b'"sha256"'), len(raw))),
}


@pytest.mark.parametrize("place", PLACES)
def test_one_changed_bit_is_caught(place: str, released: Path) -> None:
    name, where = PLACES[place]
    path = released / name
    raw = path.read_bytes()
    chance = random.Random(place)
    positions = where(raw)
    assert not _is_caught(released)
    try:
        for at in chance.sample(positions, min(40, len(positions))):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :])
            assert _is_caught(released), f"bit of byte {at}"
    finally:
        path.write_bytes(raw)


@pytest.mark.parametrize("name", ["model.pt", "out.safetensors", "out.manifest.json"])
@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda raw: b""])
def test_another_length_is_caught(name: str, change: Callable[[bytes], bytes], released: Path) -> None:
    path = released / name
    raw = path.read_bytes()
    try:
        path.write_bytes(change(raw))
        assert _is_caught(released)
    finally:
        path.write_bytes(raw)
