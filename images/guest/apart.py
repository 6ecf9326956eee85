"""Two tensors that would have one name, such as those at `{"a": {"b": x}, "a.b": y}`: they are told apart.

The first keeps the name; any other is given a number, behind a "%" that no escaped name has at that place. One and the
same tensor that is met twice by one name is one.
"""

from __future__ import annotations

from collections.abc import Hashable

from guest.naming import MAX_NAME, NamingError


class Names:
    """The names of one walk, in its order."""

    def __init__(self) -> None:
        self._bearers: dict[str, Hashable] = {}
        self._others: dict[str, set[Hashable]] = {}
        self._next: dict[str, int] = {}

    def own(self, name: str, identity: Hashable) -> str | None:
        """A name that nothing else has; None where this very tensor has the name already. Raises NamingError.

        `identity` tells what the tensor is: the place of its bytes, and how they are seen.
        """
        if name not in self._bearers:
            self._bearers[name] = identity
            return name
        others = self._others.setdefault(name, set())
        if identity == self._bearers[name] or identity in others:
            return None
        others.add(identity)
        return self._numbered(name, identity)

    def _numbered(self, name: str, identity: Hashable) -> str:
        """The name with the next number that isn't taken."""
        while True:
            number = self._next[name] = self._next.get(name, 1) + 1
            numbered = f"{name}%({number})"
            if len(numbered) > MAX_NAME:
                raise NamingError(f"a name of more than {MAX_NAME} characters")
            if numbered not in self._bearers:
                self._bearers[numbered] = identity
                return numbered
