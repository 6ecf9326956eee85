"""Every format that a file's bytes satisfy, and which of them is the model.

Extension and content may disagree: content decides, as in torch.load. The order of the families is torch's too: a zip
archive that begins the file, then tar, then what begins as a pickle.
"""

from __future__ import annotations

from guest.readers import bare_pickle, exported, refused, torch_zip, torchscript
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
_FLAVOURS = {torch_zip.NAME: torch_zip.found, torchscript.NAME: torchscript.found, exported.NAME: exported.found}
_TARS = frozenset({"torch-tar", "nemo", "tar"})


def find(source: Source, extension: str) -> list[tuple[Found, str]]:
    """Each format with how it was found, "content" or "extension"; the primary one first."""
    head = source.at(0, min(HEAD, source.length))
    found = _archives(source, head)
    others = refused.recognise(source, head)
    found += [other for other in others if other.name in _TARS]
    stream = bare_pickle.recognise(source, head, implied=False)
    found += [stream] if stream else []
    found += [other for other in others if other.name not in _TARS]
    found.sort(key=lambda form: form.family == torch_zip.FAMILY and not head.startswith(LOCAL_MAGIC))
    if not found and extension.startswith(".data-"):
        found = [refused.BUNDLE_DATA]
    if found:
        return [(form, "content") for form in found]
    if extension.lower() in PICKLE_EXTENSIONS:
        implied = bare_pickle.recognise(source, head, implied=True)
        return [(implied, "extension")] if implied else []
    return []


def _archives(source: Source, head: bytes) -> list[Found]:
    try:
        directory = torch_zip.recognise(source, head)
    except UnreadableError:
        return [torch_zip.BROKEN]
    if directory is None:
        return []
    flavour = torch_zip.flavour(directory.entries)
    known = _FLAVOURS.get(flavour)
    return [known(directory) if known else refused.archive(flavour, directory)]
