"""What torch.export writes: a program as JSON, and its weights and constants beside it, as raw bytes or torch files.

Since 2.8 a table of each model's tensors names a record of raw bytes for each; before, they were one torch file. The
program itself is code for torch, and not read here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guest.naming import Members
from guest.readers import expressions, zip_directory
from guest.readers.dtypes import HALVES, TORCH, U8, DType
from guest.readers.errors import ArgumentsError, UnreadableError
from guest.readers.inert import Bytes
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.parts import Parts
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.strict_json import loads
from guest.readers.tensors import Storage, TensorView, missing
from guest.readers.torch_layouts import complex_parts
from guest.readers.torch_zip import FAMILY, Directory, TorchZip, look_beside, read_others
from guest.readers.zip_directory import Entry

NAME = "torch-export"
INPUTS = "example_inputs"

_MODELS, _DATA = "models/", "data/"
_INPUTS_FOLDER = "data/sample_inputs/"
_NATIVE = "data/aotinductor/"
_STRIDED = 7  # torch._export.serde.schema.Layout
# torch._export.serde.schema.ScalarType
_SCALARS = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn",
    30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
_OPAQUE = "opaque_obj_"  # torch unpickles those, whatever else is said of them
_OLD = "serialized_exported_program.json"
_OLD_TENSORS = ("serialized_state_dict", "serialized_constants")
_OLD_ENDS = (".pt", ".json")


@dataclass(eq=False, slots=True)
class Exported:
    """One program: its tensors by their names in the model, and what it was tried with."""

    tensors: dict[str, object] = field(default_factory=dict)
    inputs: object = None


def found(directory: Directory) -> Found:
    """The row of such an archive."""
    return Found(NAME, FAMILY, lambda _, session, nested: read(directory, session, nested))


def read(directory: Directory, session: Session, nested: NestedLoad) -> object:
    """The program, or several by their names. Raises UnreadableError."""
    directory.told(session, NAME)
    records = TorchZip(directory.source, directory.entries, session)
    read_others(records, (), session, nested, NAME)
    try:
        return _programs(_Archive(directory, session, nested), session)
    finally:
        look_beside(records, session, NAME)


def _programs(archive: _Archive, session: Session) -> object:
    if archive.find(_OLD):
        if any(name.rpartition("/")[2].lower() == "archive_format" for name in archive.names("")):
            session.oddity(NAME, "export.versions", "a program of each of torch.export's formats")
            session.incomplete("two programs in one archive: torch's versions differ in which one they load")
        return _old(archive)
    if archive.names(_NATIVE):
        session.incomplete("machine code of AOTInductor, which loading the file runs")
    models = [name.removesuffix(".json") for name in archive.names(_MODELS) if name.endswith(".json")]
    if len(models) < len(archive.names(_MODELS)):
        session.oddity(NAME, "export.model", "a program that isn't called one, which torch loads all the same")
        session.incomplete("a program under a name that no program has")
    if not models:
        raise UnreadableError("a torch.export archive without a program")
    return Members({model: _program(archive, model) for model in models})


class _Archive:
    """The records by their names below the archive's folder, if it has one."""

    def __init__(self, directory: Directory, session: Session, nested: NestedLoad) -> None:
        self.session = session
        self._source = directory.source
        self._nested = nested
        first = directory.entries[0].name
        self._root = "" if any(entry.name == _OLD for entry in directory.entries) else first.partition("/")[0] + "/"
        self._entries: dict[str, Entry] = {}
        for entry in directory.entries:
            self._entries.setdefault(zip_directory.fold(entry.name), entry)

    def find(self, name: str) -> Entry | None:
        return self._entries.get(zip_directory.fold(self._root + name))

    def names(self, folder: str) -> list[str]:
        """What lies below a folder."""
        prefix = self._root + folder
        names = [entry.name for entry in self._entries.values() if entry.name.startswith(prefix)]
        return [name.removeprefix(prefix) for name in names]

    def content(self, name: str) -> tuple[Entry, Source]:
        entry = self.find(name)
        if entry is None:
            raise UnreadableError(f"no record {name[:256]!a}")
        return entry, zip_directory.content(self._source, entry, self.session, NAME)

    def nested(self, name: str) -> object:
        """A torch file, or a pickle, as one of the records."""
        entry, source = self.content(name)
        return self._nested(source, entry.name)

    def table(self, name: str) -> Any:
        """One of JSON."""
        entry, source = self.content(name)
        self.session.spend_bytes(source.length)
        return loads(source.at(0, source.length), entry.name)


def _program(archive: _Archive, model: str) -> Exported:
    _check_program(archive, f"{_MODELS}{model}.json")
    program = Exported()
    for kind in ("weights", "constants"):
        folder = f"{_DATA}{kind}/"
        program.tensors |= _payload(archive, folder, f"{model}_{kind}_config.json", f"{model}.pt")
    if archive.find(f"{_INPUTS_FOLDER}{model}.pt"):
        program.inputs = archive.nested(f"{_INPUTS_FOLDER}{model}.pt")
    return program


def _check_program(archive: _Archive, name: str) -> None:
    expressions.check(archive.table(name), name, NAME, archive.session)


def _payload(archive: _Archive, folder: str, config: str, legacy: str) -> dict[str, object]:
    """The tensors of one folder, by the table of them."""
    if archive.find(folder + legacy):
        return _named(archive.nested(folder + legacy))
    table = archive.table(folder + config)
    rows = table.get("config") if isinstance(table, dict) else None
    if not isinstance(rows, dict):
        raise UnreadableError(f"{config[:256]!a} is no table of tensors")
    storages: dict[str, Storage] = {}
    tensors: dict[str, object] = {}
    for name, row in rows.items():
        archive.session.nodes += 1
        try:
            tensors[name] = _row(archive, folder, row, storages)
        except (ArgumentsError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, ArgumentsError) else type(error).__name__
            archive.session.incomplete(f"the tensor {name[:256]!a} of {config[:256]!a}: {reason}")
    return tensors


def _row(archive: _Archive, folder: str, row: Any, storages: dict[str, Storage]) -> object:
    path = folder + row["path_name"]
    if row["use_pickle"] or row["path_name"].startswith(_OPAQUE):
        return archive.nested(path)
    meta = row["tensor_meta"]
    dtype = TORCH.get(_SCALARS.get(meta["dtype"], ""))
    if dtype is None:
        return missing("a type that torch.export had no name for", U8)
    if meta["layout"] != _STRIDED:
        return missing("a layout that torch.export has no bytes for", dtype)
    storage = storages.get(path) or storages.setdefault(path, _storage(archive, path, dtype))
    if storage.dtype != dtype:
        raise ArgumentsError("one record is declared with two types")
    return _view(storage, meta)


def _storage(archive: _Archive, path: str, dtype: DType) -> Storage:
    entry, source = archive.content(path)
    archive.session.store(source, entry.name)
    return Storage(path, dtype, source.length, entry.name, source)


def _view(storage: Storage, meta: Any) -> TensorView | Parts:
    shape, strides = (tuple(_number(size) for size in meta[key]) for key in ("sizes", "strides"))
    offset = _number(meta["storage_offset"])
    if len(shape) != len(strides):
        raise ArgumentsError("sizes and strides of different counts")
    dtype = storage.dtype
    if storage.nbytes == 0 and 0 not in shape:
        return missing("a tensor that was exported without its values", dtype)
    why = "" if dtype.name or dtype in HALVES else f"{dtype.what}: safetensors has no such dtype"
    view = TensorView(storage, dtype, offset, shape, strides, why=why)
    return complex_parts(view, HALVES[dtype]) if dtype in HALVES else view


def _number(value: Any) -> int:
    """A size, written as {"as_int": 3}; one that is an expression is known only when the program runs."""
    number = value["as_int"]
    if type(number) is not int or number < 0:
        raise ArgumentsError("a size that is no number")
    return number


def _old(archive: _Archive) -> Exported:
    """As before 2.8: torch files, whatever the end of their names."""
    program = Exported()
    names = [stem + end for stem in _OLD_TENSORS for end in _OLD_ENDS if archive.find(stem + end)]
    if not names:
        raise UnreadableError("a torch.export archive without a state dict")
    _check_program(archive, _OLD)
    for name in names:
        program.tensors |= _named(archive.nested(name))
    if archive.find("serialized_example_inputs.pt"):
        program.inputs = archive.nested("serialized_example_inputs.pt")
    return program


def _named(value: object) -> dict[str, object]:
    """A dict of tensors; nothing where the model had none."""
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return dict(value)
    if isinstance(value, Bytes) and value.source.length == 0:
        return {}
    raise UnreadableError("no dictionary of tensors by their names")
