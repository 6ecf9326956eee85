"""Does an output hold its source's bytes? Answered from the files alone: no torch, no jail."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from blake3 import blake3

from sandbox import messages
from sandbox.errors import HostileError
from sandbox.facts import Exit, Label, Tensor
from sandbox.stage import stage
from sandbox.untrusted import wire
from sandbox.weights.arrangement import DROP, index_name, index_text, is_shard, optimizer_name, shard_name, whole_name
from sandbox.weights.group import MANIFEST, output_paths
from sandbox.weights.header import METADATA, strict_header
from sandbox.weights.header import Entry as HeaderEntry
from sandbox.weights.inorder import SENT
from sandbox.weights.manifest import ChangedError, Entry, Manifest, read_manifest
from sandbox.weights.plan import MAX_MANIFEST, show

CHUNK = 8 << 20
MAX_MISMATCHES = 100  # sentences; a wrong source would make one for every tensor

NAMES = "that names and shapes are those of the source (--replan derives them anew)"
SENT_AGAIN = "{count} gathered or decoded tensors: not re-checked against the source (--replan reads them again)"
BESIDE = "what the metadata file beside it says: the manifest holds no digest of it"
PREFIX = "that {prefix} was to be taken off the names: the manifest says so, the source doesn't"
CHOSEN = "that only these tensors were wanted: the manifest says so, the source doesn't"
RETURNED = "{count} returned tensors: made by code in the jail, so nothing in the source can prove them"


@dataclass(frozen=True)
class VerifyResult:
    """What was compared. Sentences; `mismatches` empty means that all of `proven` holds."""

    manifest: Manifest | None  # None: it was changed, so nothing it says was used
    mismatches: tuple[str, ...]
    proven: tuple[str, ...]
    not_proven: tuple[str, ...]

    @property
    def exit_code(self) -> Exit:
        return Exit.ALARM if self.mismatches else Exit.QUIET


@contextmanager
def _opened(path: Path, what: str) -> Iterator[int]:
    """A regular file, for reading. Raises CallerError, which calls it `what`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise messages.error("verify.unopened", what=what, why=error.strerror) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise messages.error("verify.special", what=what)
        yield fd
    finally:
        os.close(fd)


Sources = Callable[[Manifest], tuple[Sequence[int], tuple[str, ...]]]


@contextmanager
def _source(path: Path) -> Iterator[Sources]:
    """Gives the descriptors of the files that a manifest names, by their names, or says which there isn't."""
    if not path.is_dir():
        with _opened(path, "the source") as fd:
            yield lambda said: ([fd], () if len(said.sources) == 1 else ("the source is one file, not a folder",))
        return
    with stage(path) as staged:
        found = {file.name: file.fd for file in staged.files}

        def named(said: Manifest) -> tuple[Sequence[int], tuple[str, ...]]:
            absent = (file.name for file in said.sources if file.name not in found)
            missing = tuple(f"{show(name)} is in the manifest and not in the source" for name in absent)
            return ([] if missing else [found[file.name] for file in said.sources]), missing

        yield named


def load_manifest(path: Path) -> Manifest:
    """Raises CallerError, or ChangedError when its bytes are not those that were written."""
    what = f"the manifest {path.name}"
    with _opened(path, what) as fd:
        if os.fstat(fd).st_size > MAX_MANIFEST:
            raise messages.error("manifest.size", what=what)
        return read_manifest(b"".join(_chunks(fd, 0, os.fstat(fd).st_size)))


def _chunks(fd: int, start: int, end: int) -> Iterator[bytes]:
    """Ends early when the file does."""
    while start < end:
        chunk = os.pread(fd, min(CHUNK, end - start), start)
        if not chunk:
            return
        yield chunk
        start += len(chunk)


def _sha256(fd: int, due: int) -> tuple[int, str]:
    """Its size, and its digest if that is the size that is due: nobody needs to read a sparse tebibyte to refuse it."""
    size = os.fstat(fd).st_size
    if size != due:
        return size, ""
    hasher = sha256()
    for chunk in _chunks(fd, 0, size):
        hasher.update(chunk)
    return size, hasher.hexdigest()


def _digest(fd: int, start: int, end: int) -> str:
    hasher = blake3()
    for chunk in _chunks(fd, start, end):
        hasher.update(chunk)
    return hasher.hexdigest()


@dataclass(frozen=True)
class _Place:
    """A tensor in one of the outputs."""

    fd: int
    file: str
    entry: HeaderEntry


@dataclass
class _Found:
    """What the outputs' headers say. `places`: tensors by name."""

    places: dict[str, _Place] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, fd: int, file: str) -> None:
        try:
            header = strict_header(fd)
        except HostileError as error:
            self.wrong.append(f"the output is not a sound safetensors file: {error.happened}")
            return
        for entry in header.entries:
            if entry.name in self.places:
                self.wrong.append(f"{show(entry.name)} is in two of the outputs")
            self.places[entry.name] = _Place(fd, file, entry)
        self.metadata |= header.metadata


def _same_bytes(source_fd: int, tensor: Tensor, place: _Place) -> bool:
    for done in range(0, tensor.nbytes, CHUNK):
        count = min(CHUNK, tensor.nbytes - done)
        theirs = os.pread(source_fd, count, tensor.offset + done)
        if len(theirs) != count or theirs != os.pread(place.fd, count, place.entry.begin + done):
            return False
    return True


def _check_tensor(sources: Sequence[int], entry: Entry, place: _Place | None) -> str:
    """What is wrong with one tensor, as a sentence; "" when nothing is."""
    tensor = entry.tensor
    if place is None:
        return f"{show(tensor.name)} is in the manifest and not in the output"
    if (place.entry.dtype, place.entry.shape) != (tensor.dtype, tensor.shape):
        return f"{show(tensor.name)} has another dtype or shape in the output than in the manifest"
    if _digest(place.fd, place.entry.begin, place.entry.end) != entry.digest:
        return f"{show(tensor.name)} has other bytes in the output than its digest in the manifest"
    if tensor.label is Label.COPIED and not _same_bytes(sources[tensor.file], tensor, place):
        return f"{show(tensor.name)} has other bytes in the output than in the source"
    return ""


def _check_tensors(sources: Sequence[int], found: _Found, manifest: Manifest) -> Iterator[str]:
    if found.wrong:
        yield from found.wrong
        return
    places = dict(found.places)
    for entry in manifest.entries:
        wrong = _check_tensor(sources, entry, places.pop(entry.tensor.name, None))
        if wrong:
            yield wrong
    for name in places:
        yield f"{show(name)} is in the output and not in the manifest"
    for name, kept in manifest.dropped:
        if kept not in found.places or name in found.places:
            yield f"{show(name)} was to be dropped for {show(kept)}, and the output doesn't show it"
        elif name not in METADATA and found.metadata.get(name) != kept:
            yield f"{show(name)} was dropped for {show(kept)}, and the output's metadata says otherwise"


def _check_files(
    manifest: Manifest, sources: Iterable[tuple[int, str]], outputs: Iterable[tuple[int, str]]
) -> Iterator[str]:
    for file, source in zip(manifest.sources, sources, strict=True):
        if source != (file.size, file.sha256):
            what = f"{show(file.name)} of the source" if len(manifest.sources) > 1 else "the source"
            yield f"{what} is not the file that the manifest names: its size or SHA-256 differs"
    for file, output in zip(manifest.outputs, outputs, strict=True):
        if output != (file.size, file.sha256):
            name = f" {show(file.name)}" if len(manifest.outputs) > 1 else ""
            yield f"the output{name} is not the file that the manifest names: its size or SHA-256 differs"


def _check_indexes(whole: Path, manifest: Manifest, found: _Found) -> Iterator[str]:
    """Does the index of each set of shards say where its tensors are?"""
    for name in (whole.name, optimizer_name(whole.name)):
        count = sum(is_shard(file.name, name) for file in manifest.outputs)
        shards: dict[str, list[tuple[str, int]]] = {shard_name(name, number, count): [] for number in range(count)}
        for place in found.places.values():
            if place.file in shards:
                shards[place.file].append((place.entry.name, place.entry.end - place.entry.begin))
        if shards and not found.wrong and _content(whole.with_name(index_name(name))) != index_text(shards):
            yield f"the index {show(index_name(name))} is not that of the shards"


def _content(path: Path) -> bytes:
    with _opened(path, f"the index {path.name}") as fd:
        return b"".join(_chunks(fd, 0, min(os.fstat(fd).st_size, MAX_MANIFEST)))


def _whole(output: Path) -> Path:
    """What the output is a part of: beside that, its manifest lies. It is itself, if its own lies there."""
    if output_paths(output)[MANIFEST].exists():
        return output
    return output.with_name(whole_name(output.name))


def verify(output: Path, source: Path, manifest: Path | None = None) -> VerifyResult:
    """Compare an output, all of its files, with its source by its manifest. `output`: any one of them, or an index.

    Raises CallerError when one of them can't be used.
    """
    whole = _whole(output)
    beside = manifest or output_paths(whole)[MANIFEST]
    with ExitStack() as stack:
        if not beside.exists():
            stack.enter_context(_opened(output, "the output"))  # if that isn't there either, it is what to say
        opened = stack.enter_context(_source(source))
        try:
            said = load_manifest(beside)
        except ChangedError as error:
            return VerifyResult(None, (str(error),), (), ("anything: the manifest can't be trusted",))
        sources, missing = opened(said)
        if missing:
            return VerifyResult(said, missing[:MAX_MISMATCHES], (), (NAMES, *_not_proven(said)))
        found, fds = _Found(), []
        for path in _paths(output, whole, said):
            what = "the output" if len(said.outputs) == 1 else f"the output {path.name}"
            fds.append(stack.enter_context(_opened(path, what)))
            found.add(fds[-1], path.name)
        with ThreadPoolExecutor(2) as pool:
            of_sources = [pool.submit(_sha256, fd, file.size) for fd, file in zip(sources, said.sources, strict=True)]
            of_outputs = [pool.submit(_sha256, fd, file.size) for fd, file in zip(fds, said.outputs, strict=True)]
            mismatches = [*_check_indexes(whole, said, found), *_check_tensors(sources, found, said)]
            jobs = ([job.result() for job in of_sources], [job.result() for job in of_outputs])
            mismatches[:0] = _check_files(said, *jobs)
    if len(mismatches) > MAX_MISMATCHES:
        rest = len(mismatches) - MAX_MISMATCHES
        mismatches[MAX_MISMATCHES:] = [f"and {rest} more"]
    return VerifyResult(said, tuple(mismatches), _proven(said) if not mismatches else (), (NAMES, *_not_proven(said)))


def manifest_of(output: Path) -> Path:
    """Where the manifest of an output lies, whichever of its files that is."""
    return output_paths(_whole(output))[MANIFEST]


def _paths(output: Path, whole: Path, manifest: Manifest) -> list[Path]:
    """The output's files. A single one may have been renamed, together with its manifest."""
    if len(manifest.outputs) == 1:
        return [output if output == whole else whole.with_name(manifest.outputs[0].name)]
    return [whole.with_name(file.name) for file in manifest.outputs]


def _count(manifest: Manifest, *labels: Label) -> int:
    return sum(entry.tensor.label in labels for entry in manifest.entries)


def _proven(manifest: Manifest) -> tuple[str, ...]:
    return (
        f"{_count(manifest, Label.COPIED)} copied tensors are byte for byte in the source, where the manifest says",
        f"all {len(manifest.entries)} tensors of the output are in the manifest, each with its digest",
        "source and output are the files that the manifest names",
    )


def _not_proven(manifest: Manifest) -> Iterator[str]:
    for sentence, labels in ((SENT_AGAIN, tuple(SENT)), (RETURNED, (Label.RETURNED,))):
        count = _count(manifest, *labels)
        if count:
            yield sentence.format(count=count)
    yield from _never_proven(manifest)


def _never_proven(manifest: Manifest) -> Iterator[str]:
    """What even a fresh plan doesn't show."""
    yield BESIDE
    if manifest.strip_prefix:
        yield PREFIX.format(prefix=show(manifest.strip_prefix))
    if manifest.select or manifest.exclude or manifest.tied == DROP:
        yield CHOSEN


def _without_index(tensor: Tensor) -> Tensor:
    return replace(tensor, index=0)


def _compare(said: Sequence[Entry], replanned: Sequence[Tensor], digests: Mapping[int, str]) -> Iterator[str]:
    fresh = {tensor.name: tensor for tensor in replanned}
    for entry in said:
        name = show(entry.tensor.name)
        tensor = fresh.pop(entry.tensor.name, None)
        if tensor is None:
            yield f"{name} is in the manifest and not in the source"
        elif _without_index(tensor) != _without_index(entry.tensor):
            yield f"{name} is described otherwise in the manifest than in the source"
        elif tensor.label in SENT and digests.get(tensor.index) != entry.digest:
            yield f"{name} has other bytes in the output than when it is read again from the source"
    for name in fresh:
        yield f"{show(name)} is in the source and not in the manifest"


def as_said(said: Manifest, again: Manifest) -> list[Tensor]:
    """The fresh plan's tensors, each with its file's place in the manifest: a folder may have got more files since."""
    if len(said.sources) == 1:
        return [entry.tensor for entry in again.entries]
    places = {file.name: place for place, file in enumerate(said.sources)}
    files = [places.get(file.name, wire.MAX_FILES) for file in again.sources]
    return [replace(entry.tensor, file=files[entry.tensor.file]) for entry in again.entries]


def verify_plan(
    result: VerifyResult, replanned: Sequence[Tensor], digests: Mapping[int, str], again: Manifest | None = None
) -> VerifyResult:
    """Compare the manifest with a plan derived anew; `digests` has, by plan index, what was sent along with it.

    `again`: the manifest of that plan, where what isn't in the output is to be compared, too.
    """
    if result.manifest is None:
        return result
    of_file = [entry for entry in result.manifest.entries if entry.tensor.label is not Label.RETURNED]
    mismatches = tuple(_compare(of_file, replanned, digests))[:MAX_MISMATCHES]
    if again and (again.left_out, again.dropped) != (result.manifest.left_out, result.manifest.dropped):
        mismatches += ("what the manifest lists as left out or dropped is not what the source gives",)
    if mismatches:
        return replace(result, mismatches=result.mismatches + mismatches, proven=())
    returned, sent = _count(result.manifest, Label.RETURNED), _count(result.manifest, *SENT)
    proven = [*result.proven, f"{len(of_file)} tensors have the names, shapes and places that the source gives them"]
    if sent:
        proven.append(f"{sent} gathered or decoded tensors have the same bytes when they are read again")
    return replace(
        result,
        proven=tuple(proven) if not result.mismatches else (),
        not_proven=(*((RETURNED.format(count=returned),) if returned else ()), *_never_proven(result.manifest)),
    )
