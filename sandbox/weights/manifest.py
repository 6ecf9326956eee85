"""`x.manifest.json`: where each tensor of the output comes from, and the digests that prove it.

The text ends with its own SHA-256, so that a changed byte anywhere in it shows. That is no signature: who can write
the file can write a new one, and only `verify --replan` proves names and shapes against the source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sandbox import messages
from sandbox.errors import HostileError
from sandbox.facts import Label, LeftOut, Tensor
from sandbox.untrusted import wire
from sandbox.weights.arrangement import KEEP, MOST_SHARDS, TIED
from sandbox.weights.names import original
from sandbox.weights.plan import check_name, check_size, check_tensor

SCHEMA = "sandbox-load/manifest/2"
ALGORITHM = "blake3"
_SEAL = b'"sha256": "%s"\n}\n'
_MOST_FILES = 2 * MOST_SHARDS  # the weights' and the optimizer's
_LEAST_TEXT = 24  # bytes for each object and list: what is left out has 30 or more, a tensor's row 80
_SEAL_SIZE = len(_SEAL % (b"0" * 64))


class ChangedError(Exception):
    """The manifest's bytes are not those that were written."""


@dataclass(frozen=True)
class File:
    """A file by its name, without its folder, and its content."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the output, with the digest of its bytes there."""

    tensor: Tensor
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What a manifest says. `dropped`: names that were left out, each with that of the very same tensor."""

    tool: str
    sources: tuple[File, ...]  # of a folder all files that were looked at, by their paths in it
    outputs: tuple[File, ...]
    strip_prefix: str
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tied: str = KEEP
    dropped: tuple[tuple[str, str], ...] = ()


def _file(file: File) -> dict[str, object]:
    return {"name": file.name, "size": file.size, "sha256": file.sha256}


def _tensor(tensor: Tensor, digest: str) -> dict[str, object]:
    in_file = tensor.label is not Label.RETURNED  # a returned one has no place in the source
    return {
        "name": tensor.name,
        "label": tensor.label.value,
        "file": tensor.file if in_file else 0,
        "record": tensor.record,
        "offset": tensor.offset if in_file else 0,
        "length": tensor.length if in_file else 0,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "strides": list(tensor.strides),
        "alias": tensor.alias,
        "algorithm": ALGORITHM,
        "digest": digest,
    }


def _list(key: str, rows: Iterator[dict[str, object]]) -> Iterator[str]:
    yield f'"{key}": ['
    for number, row in enumerate(rows):
        yield (",\n  " if number else "\n  ") + json.dumps(row)
    yield "\n],\n"


def _parts(manifest: Manifest) -> Iterator[str]:
    head = {
        "schema": SCHEMA,
        "tool": manifest.tool,
        "sources": list(map(_file, manifest.sources)),
        "outputs": list(map(_file, manifest.outputs)),
        "strip_prefix": manifest.strip_prefix,
        "select": list(manifest.select),
        "exclude": list(manifest.exclude),
        "tied": manifest.tied,
    }
    yield "{\n"
    for key, value in head.items():
        yield f'"{key}": {json.dumps(value)},\n'
    yield from _list("tensors", (_tensor(entry.tensor, entry.digest) for entry in manifest.entries))
    yield from _list("escaped", _escaped(manifest))
    yield from _list("dropped", ({"name": name, "kept": kept} for name, kept in manifest.dropped))
    yield from _list("left_out", ({"name": item.name, "reason": item.reason} for item in manifest.left_out))


def _escaped(manifest: Manifest) -> Iterator[dict[str, object]]:
    """What the names that safetensors can't hold are in the source."""
    for entry in manifest.entries:
        if entry.tensor.escaped:
            yield {"name": entry.tensor.name, "original": original(entry.tensor.name)}


def manifest_text(manifest: Manifest) -> Iterator[bytes]:
    """The text in pieces; it is never whole in memory."""
    seal = sha256()
    for part in _parts(manifest):
        piece = part.encode("ascii")
        seal.update(piece)
        yield piece
    yield _SEAL % seal.hexdigest().encode("ascii")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= wire.MAX_NAME


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= wire.MAX_ROWS and all(map(_is_text, value))


def _is_name(value: object) -> bool:
    """A file's name, without a folder."""
    return _is_text(value) and value not in ("", ".", "..") and not set(str(value)) & {"/", "\0"}


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= wire.MAX_SIZE


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_sizes(value: object) -> bool:
    return isinstance(value, list) and len(value) <= wire.MAX_RANK and all(map(_is_size, value))


def _is_strides(value: object) -> bool:
    return isinstance(value, list) and len(value) <= wire.MAX_RANK and all(type(item) is int for item in value)


Check = Callable[[object], bool]

_FILE: dict[str, Check] = {"name": _is_text, "size": _is_size, "sha256": _is_digest}
_DROPPED: dict[str, Check] = {"name": _is_text, "kept": _is_text}
_OUTPUT: dict[str, Check] = _FILE | {"name": _is_name}
_LEFT_OUT: dict[str, Check] = {"name": _is_text, "reason": _is_text}
_ESCAPED: dict[str, Check] = {"name": _is_text, "original": _is_text}
_TENSOR: dict[str, Check] = {
    "name": _is_text,
    "label": _is_text,
    "file": lambda value: type(value) is int and 0 <= value < wire.MAX_FILES,
    "record": _is_text,
    "offset": _is_size,
    "length": _is_size,
    "dtype": _is_text,
    "shape": _is_sizes,
    "strides": _is_strides,
    "alias": lambda value: type(value) is int,
    "algorithm": lambda value: value == ALGORITHM,
    "digest": _is_digest,
}
_MANIFEST: dict[str, Check] = {
    "schema": lambda value: value == SCHEMA,
    "tool": _is_text,
    "sources": lambda value: isinstance(value, list) and 0 < len(value) <= wire.MAX_FILES,
    "outputs": lambda value: isinstance(value, list) and 0 < len(value) <= _MOST_FILES,
    "strip_prefix": _is_text,
    "select": _is_texts,
    "exclude": _is_texts,
    "tied": lambda value: value in TIED,
    "dropped": lambda value: isinstance(value, list),
    "tensors": lambda value: isinstance(value, list),
    "escaped": lambda value: isinstance(value, list),
    "left_out": lambda value: isinstance(value, list),
    "sha256": _is_digest,
}


def _checked(untrusted_object: Any, checks: dict[str, Check]) -> dict[str, Any]:
    if not isinstance(untrusted_object, dict) or untrusted_object.keys() != checks.keys():
        raise messages.error("manifest.fields", schema=SCHEMA)
    for key, check in checks.items():
        if not check(untrusted_object[key]):
            raise messages.error("manifest.value", key=key)
    return untrusted_object


def _entry(index: int, untrusted_row: Any, sizes: Sequence[int], escaped: Collection[str]) -> Entry:
    row = _checked(untrusted_row, _TENSOR)
    untrusted = wire.Tensor(
        index=index,
        name=row["name"],
        dtype=row["dtype"],
        shape=tuple(row["shape"]),
        strides=tuple(row["strides"]),
        label=row["label"],
        record=row["record"],
        offset=row["offset"],
        length=row["length"],
        alias=row["alias"],
        file=row["file"],
        escaped=row["name"] in escaped,
    )
    try:
        if row["label"] == Label.RETURNED:
            return Entry(_returned(untrusted), row["digest"])
        return Entry(check_tensor(untrusted, sizes), row["digest"])
    except HostileError as error:
        raise messages.error("manifest.entry", why=error.happened) from None


def _returned(untrusted: wire.Tensor) -> Tensor:
    """Like any other, but for its place in a source that does not hold it."""
    check_name(untrusted.name)
    nbytes = check_size(untrusted.name, untrusted.dtype, untrusted.shape)
    in_place = check_tensor(replace(untrusted, label=Label.GATHERED, offset=0, length=0, file=0), (0,))
    return replace(in_place, label=Label.RETURNED, nbytes=nbytes)


def read_manifest(untrusted_text: bytes) -> Manifest:
    """What the text says. Raises CallerError when it is no manifest, ChangedError when it was one."""
    body, seal = untrusted_text[:-_SEAL_SIZE], untrusted_text[-_SEAL_SIZE:]
    empty_seal = _SEAL % (b"0" * 64)
    if not body.startswith(b'{\n"schema": ') or seal[:11] != empty_seal[:11] or seal[-4:] != empty_seal[-4:]:
        raise messages.error("manifest.foreign")
    if seal != _SEAL % sha256(body).hexdigest().encode("ascii"):
        raise ChangedError("the manifest was changed after it was written")
    try:
        untrusted_manifest = wire.parse_json(untrusted_text, len(untrusted_text) // _LEAST_TEXT)
    except wire.WireError as error:
        raise messages.error("manifest.text", why=error) from None
    top = _checked(untrusted_manifest, _MANIFEST)
    sources = tuple(File(**_checked(row, _FILE)) for row in top["sources"])
    sizes = [source.size for source in sources]
    outputs = tuple(File(**_checked(row, _OUTPUT)) for row in top["outputs"])
    dropped = (_checked(row, _DROPPED) for row in top["dropped"])
    escaped = {_checked(row, _ESCAPED)["name"] for row in top["escaped"]}
    entries = tuple(_entry(index, row, sizes, escaped) for index, row in enumerate(top["tensors"]))
    left_out = tuple(LeftOut(**_checked(row, _LEFT_OUT)) for row in top["left_out"])
    return Manifest(
        tool=top["tool"],
        sources=sources,
        outputs=outputs,
        strip_prefix=top["strip_prefix"],
        entries=entries,
        left_out=left_out,
        select=tuple(top["select"]),
        exclude=tuple(top["exclude"]),
        tied=top["tied"],
        dropped=tuple((row["name"], row["kept"]) for row in dropped),
    )
