"""Writes what a pickle holds of packages that are not installed: names as spelled, objects as picklers make them.

A `Name` is a class or function by reference; `made` is an object by NEWOBJ and BUILD, as objects are by default, and
`called` one that REDUCE makes. They may stand anywhere in what `dumps`, `save`, `save_joblib` are given.
"""

from __future__ import annotations

import io
import pickle
import struct
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from joblib.numpy_pickle import NumpyPickler


@dataclass(frozen=True)
class Name:
    """A class or function, by the name that the stream spells."""

    module: str
    name: str


def named(dotted: str) -> Name:
    """`package.module.Name`, whose last word is the name; a colon parts module and name where that is not so."""
    module, _, name = dotted.rpartition(":" if ":" in dotted else ".")
    return Name(module, name)


class Spelled:
    """An object, by what makes it."""

    def __init__(self, opcode: bytes, callee: Any, args: tuple[Any, ...]) -> None:
        self.opcode = opcode
        self.callee = callee
        self.args = args
        self.state: Any = None
        self.items: Sequence[Any] = ()
        self.pairs: Mapping[Any, Any] = {}

    def filled(self, items: Sequence[Any] = (), pairs: Mapping[Any, Any] | None = None) -> Spelled:
        """With what a list or a dictionary of its own class holds."""
        self.items, self.pairs = items, pairs or {}
        return self

    def built(self, state: Any) -> Spelled:
        """With a state."""
        self.state = state
        return self


def made(dotted: str, state: Any = None, *args: Any) -> Spelled:
    """NEWOBJ, then BUILD."""
    return Spelled(pickle.NEWOBJ, named(dotted), args).built(state)


def called(dotted: str | Name | Spelled, *args: Any) -> Spelled:
    """REDUCE."""
    return Spelled(pickle.REDUCE, named(dotted) if isinstance(dotted, str) else dotted, args)


def mapping(dotted: str, pairs: Mapping[Any, Any]) -> Spelled:
    """An object of a subclass of dict."""
    return made(dotted).filled(pairs=pairs)


def module(dotted: str, model: torch.nn.Module, **attributes: Any) -> Spelled:
    """A module under another class's name, with attributes that torch's has not."""
    return made(dotted, model.__dict__ | attributes)


class _Spelling(pickle._Pickler):
    """The standard library's own pickler, which knows these as well."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, Name | Spelled) and (held := self.memo.get(id(obj))) is not None:
            self.write(self.get(held[0]))
        elif isinstance(obj, Name):
            self._save_name(obj)
        elif isinstance(obj, Spelled):
            self._save_spelled(obj)
        else:
            super().save(obj, save_persistent_id)
        return None

    def _save_name(self, obj: Name) -> None:
        if self.proto >= 4:
            super().save(obj.module)
            super().save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def _save_spelled(self, obj: Spelled) -> None:
        if obj.opcode == pickle.NEWOBJ and self.proto < 2:
            self.save(Name("copy_reg", "_reconstructor"))
            self.save((obj.callee, Name("__builtin__", "object"), None))
            self.write(pickle.REDUCE)
        else:
            self.save(obj.callee)
            self.save(obj.args)
            self.write(obj.opcode)
        self.memoize(obj)
        if obj.items:
            self._batch_appends(iter(obj.items))
        if obj.pairs:
            self._batch_setitems(iter(obj.pairs.items()))
        if obj.state is not None:
            self.save(obj.state)
            self.write(pickle.BUILD)


class _OfPython2(_Spelling):
    """Texts as Python 2 wrote its str: bytes with a length."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_str(self, obj: str) -> None:
        self._save_raw(obj, obj.encode("latin-1"))

    def save_bytes(self, obj: bytes) -> None:
        self._save_raw(obj, obj)

    def _save_raw(self, obj: str | bytes, raw: bytes) -> None:
        short = len(raw) < 256
        head = pickle.SHORT_BINSTRING + bytes([len(raw)]) if short else pickle.BINSTRING + struct.pack("<i", len(raw))
        self.write(head + raw)
        self.memoize(obj)

    dispatch[str] = save_str
    dispatch[bytes] = save_bytes


class _Joblib(_Spelling, NumpyPickler):
    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, Name | Spelled):
            return _Spelling.save(self, obj, save_persistent_id)
        return NumpyPickler.save(self, obj)


def dumps(body: Any, protocol: int = 4, *, python2: bool = False) -> bytes:
    """A whole pickle. `python2`: as Python 2 would have written it, for protocols below 3."""
    held = io.BytesIO()
    (_OfPython2 if python2 else _Spelling)(held, protocol).dump(body)
    return held.getvalue()


def _dump(body: Any, file: Any, protocol: int = 2, **_: Any) -> None:
    file.write(dumps(body, protocol))


_AS_MODULE = types.SimpleNamespace(__name__="pickle", Pickler=_Spelling, dumps=dumps, dump=_dump)


def save(body: Any, path: Path, *, legacy: bool = False, protocol: int = 2) -> None:
    """What torch.save writes."""
    torch.save(
        body,
        path,
        pickle_module=_AS_MODULE,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=not legacy,
    )


def save_joblib(body: Any, path: Path) -> None:
    """What joblib.dump writes, without compression."""
    with path.open("wb") as file:
        _Joblib(file, protocol=4).dump(body)
