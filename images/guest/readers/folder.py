"""Reads the files of a folder as one model: each by its content, the shards of a set as one member.

Whatever is no model is listed. An index and a configuration are looked into as text, and nothing they name is opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import wire

from guest import shards
from guest.distcp import named
from guest.naming import Members, Shards
from guest.readers import configured, disguise, distcp, formats, leftover, members, plan, refused, templates
from guest.readers.beside import CODE, Beside
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.interface import Found
from guest.readers.parts import File as Listed
from guest.readers.reading import Reading, Sink
from guest.readers.session import Session
from guest.readers.source import File, whole
from guest.readers.texts import Place

NAME = "folder"
INSIDE = "inside"  # how a file's format was found, beside "content" and "extension"
_TELLING = ("config.json", shards.INDEX)  # ends of names: honest ones are never long


def _key(word: bytes) -> bytes:
    """A key of JSON, which may spell each letter by its number, as a pattern."""
    return b'"' + b"".join(rb"(?:%c|\\u(?i:%04x))" % (byte, byte) for byte in word) + b'"'


_AUTO_MAP, _TEMPLATE = re.compile(_key(b"auto_map")), re.compile(_key(b"chat_template"))
_CONFIGURATIONS = (".json", ".yaml", ".yml")
_MOST_NAMING = 256 << 20  # bytes of a configuration that may name what is to be called
_PIECE, _OVERLAP = 4 << 20, 1 << 10
_MODEL = "MLmodel"  # MLflow's, in YAML
_JINJA = (".jinja", ".jinja2", ".j2")
_SHOWN = 3  # names in one sentence


class FolderReading(Reading):
    """As `Reading`, of all files together."""

    def __init__(self, files: Sequence[File], session: Session, sink: Sink) -> None:
        super().__init__(files[0], "", session, sink)
        self._files = files
        self._size = sum(file.size for file in files)
        self._indices: dict[int, shards.Index] = {}
        self._member: dict[str, str] = {}
        self._beside = Beside(NAME, session)

    def _root(self) -> tuple[str, object]:
        self._sink.row(wire.Kind.FORMAT, wire.Format(NAME, True, True, "content"))
        for file in self._files:
            self._look_into(file)
        self._member = shards.members([file.name for file in self._files], self._indices.values())
        root = Members()
        for file in self._files:
            self._session.file = file.index
            with self._session.within(file.name):
                self._add(root, file, self._guard(f"reading {file.name[:256]!a}", self._object, file))
        self._session.file = 0
        self._guard("looking into the code", self._beside.end)
        self._formats_inside()
        self._note_lacking()
        return NAME, named(root, distcp.fields)

    def _add(self, root: Members, file: File, found: object) -> None:
        member = self._member[file.name]
        if member == file.name:
            root[member] = found
        else:
            root.setdefault(member, Shards()).append(found)

    def _object(self, file: File) -> object:
        """What the file holds, by the first format that its content is; by the others it is read, too."""
        source = whole(file)
        forms = formats.inside(source, file.name)
        if len({form.family for form in forms}) > 1:
            names = " and ".join(form.name for form in forms)
            self._session.oddity(forms[0].name, "format.polyglot", f"the same bytes are {names}")
        uses = len(self._session.uses)
        objects = [self._read_as(form, file) for form in forms]
        disguise.note(forms, file.name, source.at(0, min(source.length, 1)), self._session, uses)
        if not objects:
            leftover.beside(source, file.name, self._session, NAME)
        held = objects[0] if objects else Listed(file.size)
        # What holds nothing to load, such as a compressed text, has no loader.
        loads = not isinstance(held, Listed) and not members.without_model(held)
        for number, form in enumerate(forms):
            row = wire.Format(form.name, form.read is not None, loads and number == 0, INSIDE, file.index)
            self._sink.row(wire.Kind.FORMAT, row)
        return held

    def _read_as(self, form: Found, file: File) -> object:
        session = self._session
        try:
            if form.read is not None:
                return form.read(whole(file), session, self._nested)
            self._unread(form, file)
            leftover.beside(whole(file), file.name, session, form.name)
            if form.globals_only is not None:
                form.globals_only(whole(file), session, self._nested)
        except UnreadableError as error:
            session.incomplete(f"{file.name}: {error}")
            return Unresolved(file.name)
        return Listed(file.size)

    def _unread(self, form: Found, file: File) -> None:
        """A format without a reader is no reason to leave the other files, unless code may hide in it."""
        self._session.unread[file.name[: wire.MAX_NAME]] = refused.why(form)
        if formats.is_lacking(form, file.name):
            self._session.incomplete(f"{file.name}: {refused.why(form)}")

    def _look_into(self, file: File) -> None:
        """Notes what is code, what says which code, and what says where the tensors are."""
        path = PurePosixPath(file.name)
        self._session.file = file.index
        self._beside.add(file.name, whole(file))
        if (path.suffix in _CONFIGURATIONS or path.name == _MODEL) and file.size:
            self._configuration(file)
        if path.suffix == ".json" and 0 < file.size <= shards.MOST_JSON:
            content = self._guard(f"reading {file.name[:256]!a}", whole(file).at, 0, file.size) or b""
            if _AUTO_MAP.search(content):
                named = shards.parse(content).get("auto_map")
                self._code(file, f"auto_map names {ascii(named)[:512]}")
            if _TEMPLATE.search(content):
                self._template(file, str(shards.parse(content).get("chat_template")))
            found = shards.index(file.name, content) if file.name.endswith(shards.INDEX) else None
            if found:
                self._indices[file.index] = found
        elif path.suffix in _JINJA and 0 < file.size <= shards.MOST_JSON:
            content = self._guard(f"reading {file.name[:256]!a}", whole(file).at, 0, file.size) or b""
            self._template(file, content.decode("utf-8", "replace"))
        elif path.name.endswith(_TELLING) and file.size:
            self._session.incomplete(f"{file.name}: too long for what it is, so it was not looked into")
        self._session.file = 0

    def _configuration(self, file: File) -> None:
        """What it names for somebody to call: piece by piece, since vocabularies of honest tokenizers are long."""
        place = Place(NAME, file.name[: wire.MAX_NAME], 0, file.index)
        for at in range(0, min(file.size, _MOST_NAMING), _PIECE):
            size = min(_PIECE + _OVERLAP, file.size - at)
            content = self._guard(f"reading {file.name[:256]!a}", whole(file).at, at, size) or b""
            for name in configured.names(content.decode("utf-8", "replace")):
                self._session.texts.tell(configured.KIND, name, (), place, (name,))
        self._session.texts.budget.missed |= file.size > _MOST_NAMING

    def _template(self, file: File, template: str) -> None:
        """A program in Jinja, which whoever uses the tokenizer runs."""
        self._session.oddity(NAME, "folder.template", "a chat template", file.name)
        reaching = templates.escape(template)
        if reaching:
            self._session.oddity(NAME, "folder.template.escape", f"a chat template with {reaching}", file.name)

    def _code(self, file: File, detail: str) -> None:
        self._session.oddity(NAME, CODE, detail, file.name)

    def _note_lacking(self) -> None:
        names = {file.name for file in self._files}
        for sentence in shards.lacking(sorted(names)):
            self._session.incomplete(sentence)
        for number, said in self._indices.items():
            missing = [shard for shard in said.shards if shard not in names]
            if missing:
                detail = f"it names {_some(missing)}, which the folder doesn't hold"
                self._odd(number, said, detail)
            hidden = [shard for shard in missing if _is_unlisted(shard)]
            if hidden:
                self._session.incomplete(f"{said.name}: it names {_some(hidden)}, where nothing was looked at")
            # Of a set that isn't there at all nothing is lacking: only the other format's was fetched.
            if missing and len(missing) < len(said.shards):
                self._session.incomplete(f"{said.name}: shards that it names are not there")

    def _behind(self, planned: plan.Plan) -> None:
        for number, said in self._indices.items():
            for shard in said.shards:
                self._compare(number, said, shard, planned)

    def _compare(self, number: int, said: shards.Index, shard: str, planned: plan.Plan) -> None:
        """The index's tensors of a shard against those that the shard holds."""
        index = next((file.index for file in self._files if file.name == shard), None)
        held = {tensor.name for tensor in planned.tensors if tensor.file == index and tensor.view.nbytes}
        if not held:
            return  # not there, or in a format that isn't read
        prefix = f"{self._member[shard]}."
        if all(name.startswith(prefix) for name in held):
            held = {name.removeprefix(prefix) for name in held}
        empty = {tensor.name.removeprefix(prefix) for tensor in planned.tensors if not tensor.view.nbytes}
        hidden = {row.name.removeprefix(prefix) for row in planned.left_out}
        told = {name for name, place in said.places.items() if place == shard}
        only = {f"doesn't hold {_some(sorted(told - held - empty - hidden))}": told - held - empty - hidden,
                f"holds {_some(sorted(held - told))} besides": held - told}  # fmt: skip
        for words, names in only.items():
            if names:
                self._odd(number, said, f"{shard[:256]!a} {words}")

    def _odd(self, number: int, said: shards.Index, detail: str) -> None:
        self._session.file = number
        self._session.oddity(NAME, "folder.index", detail, said.name)
        self._session.file = 0


def _is_unlisted(path: str) -> bool:
    """Whether that could be there all the same: in a folder that isn't entered, or outside of this one."""
    return path.startswith("/") or any(part.startswith(".") for part in path.split("/"))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name[:256]) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
