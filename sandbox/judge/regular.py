"""Regular expressions of a user's rules: refused where an attacker's text could make one try for ever. Pure.

Python's `re` tries one way after another. How many there are is seen in the pattern's automaton (Glushkov's: a state
for each letter that is written): where a text can lead from a state back to it by two ways, each further repetition of
that text doubles them; where repetitions of the same text follow each other, each multiplies them by its length.

What stands in a possessive or atomic group, or in a look-around, is tried once, so it is looked at by itself; the rest
sees letters that are repeated. References to groups and numbers above `_LOOP` count as any number. Both can only refuse
more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MOST_IN_A_ROW = 2  # repetitions of the same letters: of a text of 1024 characters that is half a million ways
_LOOP = 16  # a higher number of times is as good as any
_MOST_STATES = 5000
_OTHERS = "\u00e9\u0663\u4e2d\u2028\u00a0\u017f\u212a"  # letters, digits and blanks beyond ASCII

_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
_LOOKS = (op.ASSERT, op.ASSERT_NOT)
_ONCE = (op.POSSESSIVE_REPEAT, op.ATOMIC_GROUP, *_LOOKS)
_CHOICES = (op.BRANCH, op.GROUPREF_EXISTS)
_ANY = [(op.ANY_ALL, None)]

Ways = Counter[int]  # states, and in how many ways each is come to


@dataclass
class _Part:
    """Of a piece of the pattern: where it begins and ends, and in how many ways it may be empty."""

    first: Ways = field(default_factory=Counter)
    last: Ways = field(default_factory=Counter)
    empty: int = 1


def refuse_endless(pattern: re.Pattern[str]) -> None:
    """Raises ValueError where to hold a whole text to it could take for ever."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    alphabet = _alphabet(tree)
    for part in (tree, *_tried_once(tree)):
        _Automaton(part, tree.state.flags, alphabet).check()


def _tried_once(items: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
    """What stands in groups that are never gone back into."""
    for code, value in items:
        if code in _ONCE:
            yield value[-1] if isinstance(value, tuple) else value
        for inner in _inside(value):
            yield from _tried_once(inner)


def _inside(value: Any) -> Iterator[Any]:
    """The sequences in a node of the parser's tree."""
    if isinstance(value, parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _inside(one)


def _alphabet(tree: Any) -> str:
    """A letter of each sort that the pattern could tell apart."""
    named = (code for code in _numbers(tree) if 127 < code <= 0x10FFFF)
    return "".join(dict.fromkeys((*map(chr, range(128)), *_OTHERS, *map(chr, named))))


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield int(value)
    elif isinstance(value, tuple | list | parser.SubPattern):
        for one in value:
            yield from _numbers(one)


class _Automaton:
    """Of one sequence of the parser's tree."""

    def __init__(self, tree: Any, flags: int, alphabet: str) -> None:
        self._flags, self._alphabet = flags, alphabet
        self._folded = [letter.casefold() for letter in alphabet]
        self._known: dict[str, int] = {}  # what stands for one letter, and the letters that it takes, as bits
        self._letters: list[int] = []  # of each state a set of letters, as bits
        self._greedy: set[int] = set()  # states that no letter of theirs follows
        self._next: list[Ways] = []
        self._whole = self._sequence(tree)

    def check(self) -> None:
        """Raises ValueError."""
        loops = self._loops()
        for loop in loops:
            if self._is_ambiguous(loop):
                raise ValueError(
                    "a text could make this pattern try for ever: in a repetition that may hold the same in two ways, "
                    "such as (a+)+ or (a|ab?)*, write each part so that it can't begin as the one behind it does"
                )
        if self._in_a_row(loops) > MOST_IN_A_ROW:
            raise ValueError(
                f"a text could make this pattern try for very long: more than {MOST_IN_A_ROW} repetitions of the same "
                "letters, such as .*a.*b.*c, follow each other; write what can't stand there instead, such as [^a]*"
            )

    def _sequence(self, items: Iterable[tuple[Any, Any]]) -> _Part:
        whole = _Part()
        for code, value in items:
            whole = self._joined(whole, self._piece(code, value))
        return whole

    def _piece(self, code: Any, value: Any) -> _Part:
        if code in _ONCE:
            return self._tried_once(code, value)
        if code in _REPEATS:
            return self._repeated(*value)
        if code in _CHOICES:
            branches = value[1] if code is op.BRANCH else [branch or () for branch in value[1:]]
            return _either([self._sequence(branch) for branch in branches])
        if code is op.SUBPATTERN:
            before, self._flags = self._flags, (self._flags | value[1]) & ~value[2]
            part, self._flags = self._sequence(value[-1]), before
            return part
        return self._repeated(0, op.MAXREPEAT, _ANY) if code is op.GROUPREF else self._letter(code, value)

    def _letter(self, code: Any, value: Any) -> _Part:
        if code is op.AT:
            return _Part()
        key = f"{code} {value}"
        if key not in self._known:
            taken = (1 << at for at, letter in enumerate(self._alphabet) if _takes(code, value, letter))
            self._known[key] = sum(taken)
        letters = self._known[key]
        return self._state(self._in_either_case(letters) if self._flags & re.IGNORECASE else letters)

    def _tried_once(self, code: Any, value: Any) -> _Part:
        """Any number of its letters. What repeats one letter leaves none of it to what follows."""
        if code in _LOOKS:
            return _Part()
        least, _, body = value if code is op.POSSESSIVE_REPEAT else (1, 1, value)
        inner = _Automaton(body, self._flags, self._alphabet)
        if not inner._letters:
            return _Part()
        part = self._state(reduce(or_, inner._letters))
        self._follow(part.last, part.first)
        if code is op.POSSESSIVE_REPEAT and len(inner._letters) == 1:
            self._greedy.update(part.last)
        return _Part(part.first, part.last, int(least == 0 or inner._whole.empty > 0))

    def _state(self, letters: int) -> _Part:
        if len(self._letters) >= _MOST_STATES:
            raise ValueError("this pattern is too long: write it as several rows")
        self._letters.append(letters)
        self._next.append(Counter())
        state = len(self._letters) - 1
        return _Part(Counter({state: 1}), Counter({state: 1}), 0)

    def _in_either_case(self, letters: int) -> int:
        same = [folded for at, folded in enumerate(self._folded) if letters >> at & 1]
        return sum(1 << at for at, folded in enumerate(self._folded) if folded in same)

    def _repeated(self, least: int, most: int, body: Any) -> _Part:
        """Up to `_LOOP` times it is written out, so that ways that only a number allows are seen."""
        whole = _Part()
        if most is op.MAXREPEAT or most > _LOOP:
            part = self._sequence(body)
            self._follow(part.last, part.first)
            return _Part(part.first, part.last, _few(part.empty + (least == 0)))
        for at in range(most):
            part = self._sequence(body)
            whole = self._joined(whole, _Part(part.first, part.last, _few(part.empty + (at >= least))))
        return whole

    def _joined(self, left: _Part, right: _Part) -> _Part:
        self._follow(left.last, right.first)
        return _Part(
            left.first + _times(right.first, left.empty),
            right.last + _times(left.last, right.empty),
            _few(left.empty * right.empty),
        )

    def _follow(self, last: Ways, first: Ways) -> None:
        for state, ways in last.items():
            for to, more in first.items():
                if state not in self._greedy or self._letters[to] & ~self._letters[state]:
                    self._next[state][to] = _few(self._next[state][to] + ways * more)

    def _loops(self) -> list[list[int]]:
        """States that lead to each other, and those that lead to themselves; in the order of the way through."""
        return [
            loop
            for loop in _connected(range(len(self._next)), lambda state: self._next[state])
            if len(loop) > 1 or loop[0] in self._next[loop[0]]
        ]

    def _is_ambiguous(self, loop: Sequence[int]) -> bool:
        """Whether the same text leads from one of its states back to it by two ways."""
        inside = set(loop)
        steps = {state: [to for to in self._next[state] if to in inside] for state in loop}
        if any(self._next[state][to] > 1 for state in loop for to in steps[state]):
            return True

        def pairs(pair: tuple[int, int]) -> Iterator[tuple[int, int]]:
            for one in steps[pair[0]]:
                for other in steps[pair[1]]:
                    if self._letters[one] & self._letters[other]:
                        yield one, other

        same = [(state, state) for state in loop]
        return any(
            any(one == other for one, other in group) and any(one != other for one, other in group)
            for group in _connected(same, pairs)
        )

    def _in_a_row(self, loops: Sequence[Sequence[int]]) -> int:
        """How many repetitions of the same letters follow each other, but for one at the end that takes anything."""
        every = (1 << len(self._alphabet)) - 1
        rows: list[tuple[set[int], int, int]] = []
        for loop in reversed(loops):  # the first one of the pattern first
            letters = 0
            for state in loop:
                letters |= self._letters[state]
            if len(loop) == 1 and letters == every and loop[0] in self._whole.last:
                continue  # nothing that comes to it fails
            before = [count for states, held, count in rows if self._leads(states, set(loop), held & letters)]
            rows.append((set(loop), letters, 1 + max(before, default=0)))
        return max((count for _, _, count in rows), default=0)

    def _leads(self, start: set[int], to: set[int], letters: int) -> bool:
        """Whether a way from one loop to the other is of letters that both take."""
        todo, seen = list(start), set(start)
        while todo:
            for state in self._next[todo.pop()]:
                if self._letters[state] & letters and state not in seen:
                    if state in to:
                        return True
                    seen.add(state)
                    todo.append(state)
        return False


def _either(parts: Sequence[_Part]) -> _Part:
    first, last = Counter[int](), Counter[int]()
    for part in parts:
        first, last = first + part.first, last + part.last
    return _Part(first, last, _few(sum(part.empty for part in parts)))


def _times(ways: Ways, number: int) -> Ways:
    return Counter({state: _few(count * number) for state, count in ways.items()} if number else {})


def _few(ways: int) -> int:
    """More than one are many."""
    return min(ways, 2)


def _takes(code: Any, value: Any, letter: str) -> bool:
    """Whether a node that stands for one letter, or an item of a set, takes this one."""
    if code is op.IN:
        negated = value[0][0] is op.NEGATE
        return bool(negated != any(_takes(kind, what, letter) for kind, what in value[int(negated) :]))
    if code in (op.LITERAL, op.NOT_LITERAL):
        return (ord(letter) == value) is (code is op.LITERAL)
    if code is op.RANGE:
        return bool(value[0] <= ord(letter) <= value[1])
    return code is not op.CATEGORY or _CATEGORIES[value].fullmatch(letter) is not None


_CATEGORIES = {
    op.CATEGORY_DIGIT: re.compile(r"\d"),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_NOT_WORD: re.compile(r"\W"),
}


def _connected(starts: Iterable[Any], after: Any) -> list[list[Any]]:
    """The groups of nodes that lead to each other (Tarjan's), those that lead to no other group first."""
    number: dict[Any, int] = {}
    low: dict[Any, int] = {}
    stack: list[Any] = []
    held: set[Any] = set()
    groups: list[list[Any]] = []
    for start in starts:
        todo: list[tuple[Any, Iterator[Any]]] = [] if start in number else [(start, iter(after(start)))]
        while todo:
            node, nexts = todo[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                stack.append(node)
                held.add(node)
            found = next((to for to in nexts if _is_new(node, to, number, low, held)), None)
            if found is not None:
                todo.append((found, iter(after(found))))
                continue
            todo.pop()
            if todo:
                low[todo[-1][0]] = min(low[todo[-1][0]], low[node])
            if low[node] == number[node]:
                at = stack.index(node)
                groups.append(stack[at:])
                held.difference_update(stack[at:])
                del stack[at:]
    return groups


def _is_new(node: Any, to: Any, number: dict[Any, int], low: dict[Any, int], held: set[Any]) -> bool:
    if to not in number:
        return True
    if to in held:
        low[node] = min(low[node], number[to])
    return False
