"""One reading from end to end: recognise, read, plan, tell. Whatever the file does, it ends with READ_END."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import wire

from guest.readers import disguise, formats, members, plan, refused, weights
from guest.readers.errors import UnreadableError
from guest.readers.interface import Found
from guest.readers.nested import Nested
from guest.readers.session import Session
from guest.readers.sidecar import Sidecar
from guest.readers.source import File, whole

_FLUSH = 1 << 18
_META = 1 << 16
_TOLD = 4  # of what is in an archive and not supported


class Sink:
    """Frames to a descriptor, many in one write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = bytearray()

    def row(self, kind: wire.Kind, row: object) -> None:
        self._add(wire.encode(kind, row))

    def data(self, index: int, chunk: bytes) -> None:
        self._add(wire.data(wire.Kind.DATA, index, chunk))

    def meta(self, text: str) -> None:
        self._add(wire.frame(wire.Kind.META, text.encode("ascii")))

    def _add(self, frame: bytes) -> None:
        self._held += frame
        if len(self._held) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Everything so far has left."""
        view = memoryview(self._held)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._held = bytearray()


class Reading:
    """Reads one file into a sink."""

    def __init__(self, file: File, extension: str, session: Session, sink: Sink) -> None:
        self._file = file
        self._ledger, self._size = file.ledger, file.size
        self._extension = extension
        self._session = session
        self._sink = sink
        self._nested = Nested(session)
        self._found: list[tuple[Found, str]] = []

    def run(self) -> None:
        """Send it all. Only a broken sink raises."""
        form, root = self._root()
        planned = self._guard("planning", self._plan, root, form) or plan.Plan()
        self._behind(planned)
        self._guard("looking at the weights", weights.look, planned, form, self._session)
        self._guard("comparing its name and content", self._note_disguise)
        self._guard("collecting tensors", plan.data, planned, self._session, self._sink.data)
        self._guard("writing the metadata", self._metadata, root, planned)
        self._tell()

    def _root(self) -> tuple[str, object]:
        """The primary format and its object; the formats have been told."""
        self._found = self._guard("recognising the format", self._recognise) or []
        root = self._guard("reading the model", self._read, self._found[0][0]) if self._found else None
        self._notice_no_model(root)
        self._formats(self._found)
        return self._found[0][0].name if self._found else "", root

    def _behind(self, _planned: plan.Plan) -> None:
        """What else is to be looked at, once the plan is told: the loader's imports run meanwhile."""
        for form, _ in self._found[1:]:
            self._guard(f"reading it as {form.name}", self._read, form)

    def _note_disguise(self) -> None:
        """Of a folder each file was looked at by itself."""
        if self._found:
            begins = whole(self._file).at(0, 1)
            disguise.note([form for form, _ in self._found], f"x{self._extension}", begins, self._session, 0)

    def _guard(self, doing: str, act: Callable[..., Any], *arguments: Any) -> Any:
        """No file may make the reader fail: what goes wrong is a reason for an incomplete reading."""
        try:
            return act(*arguments)
        except UnreadableError as error:
            self._session.incomplete(str(error))
        except OSError:
            raise
        except Exception as error:
            self._session.incomplete(f"{doing}: {type(error).__name__}")
        return None

    def _recognise(self) -> list[tuple[Found, str]]:
        source = whole(self._file)
        if source.length == 0:
            raise UnreadableError("the file is empty")
        found = formats.find(source, self._extension)
        if not found:
            raise UnreadableError("not a format that is known here")
        families = list(dict.fromkeys(form.family for form, _ in found))
        if len(families) > 1:
            names = " and ".join(form.name for form, _ in found)
            self._session.oddity(found[0][0].name, "format.polyglot", f"the same bytes are {names}")
        return found

    def _read(self, form: Found) -> object:
        source = whole(self._file)
        if form.read is not None:
            return form.read(source, self._session, self._nested)
        self._session.incomplete(refused.why(form))
        if form.globals_only is not None:
            form.globals_only(source, self._session, self._nested)
        return None

    def _notice_no_model(self, root: object) -> None:
        if members.without_model(root):
            unread = [f"{name}: {what}" for name, what in self._session.unread.items()]
            self._session.incomplete("; ".join(["there is no model in it", *unread[:_TOLD]]))

    def _formats(self, found: list[tuple[Found, str]]) -> None:
        for index, (form, by) in enumerate(found):
            self._sink.row(wire.Kind.FORMAT, wire.Format(form.name, form.read is not None, index == 0, by))
        self._formats_inside()

    def _formats_inside(self) -> None:
        for name, supported in self._session.inside.items():
            self._sink.row(wire.Kind.FORMAT, wire.Format(name, supported, False, "inside"))

    def _plan(self, root: object, form: str) -> plan.Plan:
        made = plan.make(root, form, self._session)
        for tensor in made.rows():
            self._sink.row(wire.Kind.TENSOR, tensor)
        for left_out in made.left_out:
            self._sink.row(wire.Kind.LEFT_OUT, left_out)
        self._sink.row(wire.Kind.PLAN_END, wire.PlanEnd(len(made.tensors), made.nbytes))
        self._sink.flush()
        return made

    def _metadata(self, root: object, planned: plan.Plan) -> None:
        sidecar = Sidecar(planned.names, self._session.bounds.metadata_bytes, plan.steps(self._session))
        held: list[str] = []
        size = 0
        for piece in sidecar.text(root, self._session.sources, planned.originals):
            held.append(piece)
            size += len(piece)
            if size >= _META:
                self._sink.meta("".join(held))
                held, size = [], 0
        self._sink.meta("".join(held))

    def _tell(self) -> None:
        sink, session, ledger = self._sink, self._session, self._ledger
        for use in session.global_rows():
            sink.row(wire.Kind.GLOBAL, use)
        for oddity in session.oddities:
            sink.row(wire.Kind.ODDITY, oddity)
        for text in session.texts.rows():
            sink.row(wire.Kind.TEXT, text)
        for ranges in ledger.rows():
            sink.row(wire.Kind.RANGES, ranges)
        end = wire.ReadEnd(
            complete=not session.reasons,
            reason="; ".join(session.reasons)[: wire.MAX_TEXT],
            size=self._size,
            sha256=ledger.sha256,
            nodes=session.nodes,
            frameworks=tuple(session.frameworks),
        )
        sink.row(wire.Kind.READ_END, end)
        sink.flush()
