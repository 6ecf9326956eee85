"""Stands in for a class, function or object of a package that isn't installed."""

from __future__ import annotations

from guest import made


class StandIn:
    """Takes whatever a stream does to an object, and does nothing with it.

    Its state is its __dict__, as a real object's; items and pairs stand beside it.
    """

    __slots__ = ("__dict__", "stand_in_arguments", "stand_in_items", "stand_in_pairs", "stand_in_states")
    stand_in_name = ""
    stand_in_arguments: list[tuple[object, object]]  # those that are known by name
    stand_in_states: list[object]  # of another form than attributes
    stand_in_items: list[object]
    stand_in_pairs: list[tuple[object, object]]

    def __new__(cls, *args: object, **_options: object) -> StandIn:
        self = object.__new__(cls)
        self.stand_in_arguments = made.arguments(cls.stand_in_name, args)
        return self

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __getattr__(self, name: str) -> list[object]:
        """One of its own lists that holds nothing yet: copyreg makes objects without their class's __new__."""
        if name not in StandIn.__slots__:
            raise AttributeError(name)
        setattr(self, name, [])
        return getattr(self, name)  # type: ignore[no-any-return]

    def __call__(self, *_args: object, **_options: object) -> StandIn:
        return StandIn()

    def __setstate__(self, state: object) -> None:
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        attributes = [part or {} for part in parts if part is None or isinstance(part, dict)]
        if len(attributes) == len(parts):
            for part in attributes:
                self.__dict__.update(part)
        elif state is not None:
            self.stand_in_states.append(state)

    def append(self, item: object) -> None:
        self.stand_in_items.append(item)

    def extend(self, items: list[object]) -> None:
        self.stand_in_items.extend(items)

    add = append

    def __setitem__(self, key: object, value: object) -> None:
        self.stand_in_pairs.append((key, value))


def kind(module: str, full: str) -> type[StandIn]:
    """The stand-in class of one dotted name."""
    name = full.rpartition(".")[2] or "absent"
    return type(name, (StandIn,), {"__module__": module, "__slots__": (), "stand_in_name": full})


def is_stand_in(value: object) -> bool:
    """Whether a class is one, or what a class or function of a stand-in's would be called on."""
    return issubclass(value if isinstance(value, type) else type(value), StandIn)
