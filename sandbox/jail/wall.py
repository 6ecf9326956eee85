"""Wall 1 for jails that take a compiled filter: one list, from configs/syscalls.toml."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

import pyseccomp as seccomp


@contextlib.contextmanager
def compiled(names: tuple[str, ...]) -> Iterator[int]:
    """A descriptor that reads as the BPF program: `names` may pass, the rest gets EPERM.

    Calls of foreign ABIs pass on to wall 2, which records and denies them: refused here, nobody would see them.
    clone3 and openat2 don't exist: libc falls back to the calls that can be judged.
    """
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.ALLOW)
    for name in names:
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:
            rules.add_rule(seccomp.ALLOW, name)
    for name in ("clone3", "openat2"):
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
    fd = os.memfd_create("wall")
    try:
        with os.fdopen(os.dup(fd), "wb") as out:
            rules.export_bpf(out)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)
