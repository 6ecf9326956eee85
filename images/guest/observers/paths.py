"""A path as the kernel would walk it, for the record: /proc/1/mem has many spellings.

Relative names, `.`, `..`, doubled slashes and the links of /proc are taken away. What the kernel says of the caller's
own folder and descriptors is asked for; nothing is followed on the disk. Evidence only: the memory that holds the path,
the folder and the descriptors can all change before the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from guest.observers.memory import Memory, UnreadableError

AT_FDCWD = 0xFFFFFF9C
# Reading these of PID 1 is going for the watch; the kernel refuses it, since PID 1 isn't dumpable.
_GUARDED = frozenset(b"mem fd environ maps root cwd map_files task pagemap syscall stack".split())
_OWN = frozenset((b"self", b"thread-self"))
_MAX_LINKS = 40  # as the kernel counts: more is ELOOP
_PLAIN_UNLESS = (b"//", b"/.")  # what makes a path worth a walk
_LINKED = (b"/proc/", b"/dev/fd/")


def resolve(memory: Memory, folder: int, path: bytes) -> tuple[bytes, bool]:
    """The path from the root, and whether it passes through what PID 1 guards.

    `folder` is a register: a descriptor or AT_FDCWD. As it was spelled where the folder isn't known.
    """
    if not path:
        return path, False
    if not path.startswith(b"/"):
        base = _folder(memory, folder & 0xFFFFFFFF)
        if not base.startswith(b"/"):
            return path, False
        path = base + b"/" + path
    elif not path.startswith(_LINKED) and not any(mark in path for mark in _PLAIN_UNLESS):
        return path, False
    return _walk(memory, path)


def _folder(memory: Memory, register: int) -> bytes:
    try:
        return memory.folder() if register == AT_FDCWD else memory.opened(register)
    except UnreadableError:
        return b""


def _walk(memory: Memory, path: bytes) -> tuple[bytes, bool]:
    rest = path.split(b"/")[::-1]
    done: list[bytes] = []
    links, guarded = 0, False
    while rest:
        part = rest.pop()
        if part == b"..":
            del done[-1:]
            continue
        if part in (b"", b"."):
            continue
        done.append(part)
        guarded = guarded or _is_guarded(done)
        link = _link(memory, done) if links < _MAX_LINKS and len(done) <= _DEEPEST else None
        if link:
            links += 1
            done.clear()
            rest.extend(link.split(b"/")[::-1])
    return b"/" + b"/".join(done), guarded


def _is_guarded(parts: list[bytes]) -> bool:
    return len(parts) == 3 and parts[0] == b"proc" and parts[1] == b"1" and parts[2] in _GUARDED


def _link(memory: Memory, parts: list[bytes]) -> bytes | None:
    """Where a link of /proc or /dev leads, as a path; None for what is no link or leads nowhere known."""
    for shape, target in _LINKS:
        if len(shape) == len(parts) and all(_fits(*pair) for pair in zip(shape, parts, strict=True)):
            try:
                found = target(memory, parts[-1])
            except (UnreadableError, ValueError):
                return None
            return found if found.startswith(b"/") else None
    return None


def _fits(pattern: bytes, part: bytes) -> bool:
    """`#` stands for any number, `@` for the caller itself or a number but PID 1's."""
    if pattern == b"#":
        return part.isdigit()
    if pattern == b"@":
        return part in _OWN or (part.isdigit() and part != b"1")
    return pattern == part


def _opened(memory: Memory, name: bytes) -> bytes:
    return memory.opened(int(name)) if len(name) < 10 else b""


_Target = Callable[[Memory, bytes], bytes]
# Another process of the jail can only be a child of the loader: its folders are taken for the caller's.
_LINKS: tuple[tuple[tuple[bytes, ...], _Target], ...] = (
    ((b"proc", b"thread-self"), lambda _memory, _name: b"/proc/self/task/self"),
    ((b"proc", b"mounts"), lambda _memory, _name: b"/proc/self/mounts"),
    ((b"proc", b"net"), lambda _memory, _name: b"/proc/self/net"),
    ((b"dev", b"fd"), lambda _memory, _name: b"/proc/self/fd"),
    ((b"proc", b"@", b"root"), lambda _memory, _name: b"/."),
    ((b"proc", b"@", b"cwd"), lambda memory, _name: memory.folder()),
    ((b"proc", b"@", b"fd", b"#"), _opened),
    ((b"proc", b"@", b"task", b"@", b"root"), lambda _memory, _name: b"/."),
    ((b"proc", b"@", b"task", b"@", b"cwd"), lambda memory, _name: memory.folder()),
    ((b"proc", b"@", b"task", b"@", b"fd", b"#"), _opened),
)
_DEEPEST = max(len(shape) for shape, _ in _LINKS)
