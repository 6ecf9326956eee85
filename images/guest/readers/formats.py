"""Every format that a file's bytes satisfy, and which of them is the model.

Extension and content may disagree: content decides, as in torch.load. The order of the families is torch's too: a zip
archive that begins the file, then tar, then what begins as a pickle.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from guest.readers import (
    bare_pickle,
    compressed,
    distcp,
    exported,
    npy,
    refused,
    stable_baselines,
    tars,
    torch_tar,
    torch_zip,
    torchscript,
    zips,
)
from guest.readers.errors import UnreadableError
from guest.readers.interface import HEAD, Found
from guest.readers.source import Source
from guest.readers.zip_directory import LOCAL_MAGIC

# What a file of this extension is loaded with, whatever its content: pickle.load, or torch.load that begins with it.
PICKLE_EXTENSIONS = frozenset(
    {
        ".pkl",
        ".pickle",
        ".p",
        ".pk",
        ".joblib",
        ".dill",
        ".dat",
        ".pt",
        ".pth",
        ".bin",
        ".ckpt",
        ".th",
        ".model",
        ".tar",
    }
)
# Inside of an archive or a folder some of these are tokenizers', tables' and other archives', too.
_INSIDE = PICKLE_EXTENSIONS - {".p", ".pk", ".dat", ".model", ".tar"}
_FLAVOURS = {
    torch_zip.NAME: torch_zip.found,
    torchscript.NAME: torchscript.found,
    exported.NAME: exported.found,
    npy.ARCHIVE: npy.found_archive,
    stable_baselines.NAME: stable_baselines.found,
    zips.NAME: zips.found,
}
_TORCH = (torch_zip.NAME, torchscript.NAME, exported.NAME)
_NUMPY = ".npz"
_NEMO = "model_config.yaml"


def inside(source: Source, name: str) -> list[Found]:
    """The formats of a file of that name in an archive or a folder, the primary one first."""
    extension = PurePosixPath(name).suffix
    found = find(source, extension) if source.length else []
    return [form for form, by in found if by == "content" or _is_model(name)]


def is_lacking(form: Found, name: str) -> bool:
    """Whether something is missed without this file, which has no reader: a model, or where code may hide."""
    return _is_model(name) if form.name == refused.POINTER else form.name not in refused.INERT


def _is_model(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _INSIDE


def find(source: Source, extension: str) -> list[tuple[Found, str]]:
    """Each format with how it was found, "content" or "extension"; the primary one first."""
    head = source.at(0, min(HEAD, source.length))
    several = distcp.recognise(source, extension)
    if several is not None:
        return [(several, "content")]
    found = _archives(source, head, extension)
    found += [_tar(source)] if tars.is_tar(head) else []
    readable = (bare_pickle.recognise(source, head, implied=False), npy.recognise(head), compressed.recognise(head))
    found += [form for form in readable if form]
    found += refused.recognise(source, head)
    if all(form.name in refused.INERT for form in found):
        found += _archive(torch_zip.amid(source))
    found.sort(key=lambda form: form.family == torch_zip.FAMILY and not head.startswith(LOCAL_MAGIC))
    if not found and extension.startswith(".data-"):
        found = [refused.BUNDLE_DATA]
    if found:
        return [(form, "content") for form in found]
    if extension.lower() in PICKLE_EXTENSIONS:
        implied = bare_pickle.recognise(source, head, implied=True)
        return [(implied, "extension")] if implied else []
    return []


def _tar(source: Source) -> Found:
    """Its first members' names tell which kind it is."""
    names = tars.first_names(source)
    if names.issuperset(torch_tar.PARTS):
        return torch_tar.FOUND
    return refused.NEMO if _NEMO in names else tars.FOUND


def _archives(source: Source, head: bytes, extension: str) -> list[Found]:
    try:
        directory = torch_zip.recognise(source, head)
    except UnreadableError:
        return [torch_zip.BROKEN]
    found = _archive(directory)
    # numpy goes by what an archive begins with, and leaves its kind to whoever named it.
    as_numpy = extension.lower() == _NUMPY and found and found[0].name in _TORCH
    return [*found, npy.found_among(directory)] if directory and as_numpy else found


def _archive(directory: torch_zip.Directory | None) -> list[Found]:
    if directory is None:
        return []
    flavour = torch_zip.flavour(directory.entries)
    known = _FLAVOURS.get(flavour)
    return [known(directory) if known else refused.archive(flavour, directory)]
