"""The table of the constructors that the readers know. Anything else stays an inert call."""

from __future__ import annotations

from guest.made import array_state
from guest.readers import own_state
from guest.readers.errors import ArgumentsError, UnreadableError
from guest.readers.inert import Call, Global
from guest.readers.known import NestedLoad, PersistentLoad, Record
from guest.readers.numpy_dtypes import NumpyDtype
from guest.readers.numpy_objects import NUMPY_OBJECTS, NumpyArray
from guest.readers.parts import Parts
from guest.readers.python_objects import PYTHON_OBJECTS
from guest.readers.script_objects import SCRIPT_OBJECTS
from guest.readers.session import REMADE, Session, Where
from guest.readers.tensors import TensorView
from guest.readers.torch_objects import TORCH_OBJECTS, is_old_state

TABLE = {**PYTHON_OBJECTS, **NUMPY_OBJECTS, **TORCH_OBJECTS, **SCRIPT_OBJECTS}

# These run or call what they are given: a partial that holds one is a call that no opcode makes.
_READ_HERE = frozenset(
    {
        "torch.storage._load_from_bytes",
        *(f"torch.{module}._rebuild_from_type{version}" for module in ("_tensor", "tensor") for version in ("", "_v2")),
        "copyreg._reconstructor",
        "copyreg.__newobj__",
        "copyreg.__newobj_ex__",
        *REMADE,
    }
)

# They leave their arguments to __init__, which is not called for what NEWOBJ makes: it is empty, whatever it was given.
_FILLED_BY_INIT = frozenset(
    {
        *(f"collections.{name}" for name in ("OrderedDict", "Counter", "defaultdict")),
        *("builtins.set", "builtins.bytearray"),
    }
)

# What a hostile argument makes Python raise: the real constructor would have raised too.
_REFUSED = (ArgumentsError, ArithmeticError, LookupError, TypeError, ValueError)


class KnownConstructors:
    """Gives meaning to the calls of one record."""

    def __init__(
        self,
        session: Session,
        origin: tuple[int, int],
        persistent_load: PersistentLoad,
        nested_load: NestedLoad,
    ) -> None:
        self._record = Record(session, Where("", ""), origin, persistent_load, nested_load, self.call)

    def call(self, made: Call, where: Where) -> object:
        """The value, or `made` itself."""
        callee = made.callee
        construct = TABLE.get(callee.canonical) if isinstance(callee, Global) else None
        if construct is None:
            return made
        self._record.where = where
        try:
            return construct(_as_given(made), self._record)
        except UnreadableError:
            raise
        except _REFUSED as error:
            self._refuse(made.name, error, where)
            return made

    def settled(self, name: str) -> bool:
        """True of the table's, less those that make whatever object they are told to."""
        return name in TABLE and not name.startswith("copyreg.")

    def reads(self, name: str) -> bool:
        """True of those whose arguments tell what they do."""
        return name in _READ_HERE

    def build(self, target: object, state: object, where: Where) -> object | None:
        """Give an array or dtype its state."""
        if isinstance(target, TensorView | Parts):
            return target if is_old_state(state) else None
        if not isinstance(target, NumpyArray | NumpyDtype):
            return None
        self._record.where = where
        try:
            target.build(state, self._record)
            if isinstance(target, NumpyArray) and not target.masked and array_state(state) != state:
                own_state.note(target.subtype, state, self._record.session)
        except UnreadableError:
            raise
        except _REFUSED as error:
            self._refuse(type(target).__name__, error, where)
        return target

    def persistent(self, pid: object, where: Where) -> object:
        """What the format says that the id stands for."""
        return self._record.persistent_load(pid, where)

    def _refuse(self, name: str, error: Exception, where: Where) -> None:
        reason = str(error) if isinstance(error, ArgumentsError) else type(error).__name__
        place = f"{where.record or 'the pickle'}, {where.opcode} at {where.offset}"
        self._record.session.incomplete(f"{place}: arguments that {name[:256]} is not known with: {reason}")


def _as_given(made: Call) -> Call:
    """The call with the arguments that count. Raises ArgumentsError for those that no pickler of these gives."""
    if made.kind == "newobj" and made.root is not None and made.root.canonical in _FILLED_BY_INIT:
        return Call(made.kind, made.callee, ())
    if made.kwargs:
        raise ArgumentsError("arguments by keyword")
    return made
