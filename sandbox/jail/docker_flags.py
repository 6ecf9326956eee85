"""What a Docker jail is started with: one table, each row with its reason. Pure."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from sandbox.jail.interface import CODE, HOME, SHARED, SIGNALS, TMP, JailSpec

COMMAND = ("/usr/bin/python3", "-I", "-B", f"{CODE}/runner.py")
# Where the image has its programs; the names in its /usr/bin are links into this folder: images/base.py.
PROGRAMS = "/programs"
HIDDEN = 4096  # bytes of what stands over it where no program may be seen
JOB_LABEL = "sandbox-load.job"
GVISOR = "runsc"
# What gVisor's kernel, the Sentry, holds beside what the jail does: docs/decisions/0004-pid-1-in-gvisor.md.
SENTRY_MEMORY = 64 << 20
# Its own threads on the host, where the engine counts those: measured 26 for one process, 3 for each further one.
_SENTRY_THREADS = 128
_THREADS_EACH = 8

# runc installs the profile before its own last steps: it closes descriptors, looks up and executes PID 1.
RUNC_NEEDS = (
    "close", "epoll_ctl", "execve", "exit_group", "faccessat2", "fcntl", "fstat", "fstatfs", "futex", "getdents64",
    "getpid", "getppid", "gettid", "mmap", "munmap", "nanosleep", "newfstatat", "openat", "prctl", "read",
    "rt_sigprocmask", "rt_sigreturn", "sched_yield", "sigaltstack", "tgkill", "write",
)  # fmt: skip
# libc falls back to clone and openat on this answer, and on no other.
ABSENT_CALLS = ("clone3", "openat2")
_ENOSYS = 38
_EPERM = 1

# A tmpfs counts pages, not names: without this, empty files could take the host's memory.
INODES = 4096


@dataclass(frozen=True)
class Flag:
    """One row. `part` and `key` say where it goes in the engine's create request; lists and tables are merged."""

    part: str  # "" for the container's own part, else "HostConfig"
    key: str
    value: Any
    flag: str
    reason: str


def seccomp_profile(allowed: tuple[str, ...]) -> str:
    """Wall 1 as Docker's JSON. The foreign ABIs get the same list, so that a watched call of theirs reaches wall 2."""
    names = sorted({*allowed, *RUNC_NEEDS} - set(ABSENT_CALLS))
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": _EPERM,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            ],
            "syscalls": [
                {"names": names, "action": "SCMP_ACT_ALLOW"},
                {"names": list(ABSENT_CALLS), "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
            ],
        }
    )


def flags(spec: JailSpec, runtime: str | None) -> tuple[Flag, ...]:
    """Every row for this jail."""
    walls = (*_walls(spec), *(_gvisor_user() if runtime == GVISOR else _user(spec)))
    return (*walls, *_files(spec, runtime), *_limits(spec, runtime), *_life(spec), *_runtime(runtime))


def request(rows: tuple[Flag, ...], image: str) -> dict[str, Any]:
    """The rows as the body of the engine's create request."""
    body: dict[str, Any] = {"Image": image, "HostConfig": {}}
    for row in rows:
        part = body[row.part] if row.part else body
        if isinstance(row.value, list):
            part.setdefault(row.key, []).extend(row.value)
        elif isinstance(row.value, dict):
            part.setdefault(row.key, {}).update(row.value)
        else:
            part[row.key] = row.value
    return body


def _host(key: str, value: Any, flag: str, reason: str) -> Flag:
    return Flag("HostConfig", key, value, flag, reason)


def _own(key: str, value: Any, flag: str, reason: str) -> Flag:
    return Flag("", key, value, flag, reason)


def _walls(spec: JailSpec) -> tuple[Flag, ...]:
    return (
        _host("NetworkMode", "none", "--network none", "no packet leaves, and nothing of the host's network is seen"),
        _host("Dns", ["127.0.0.1"], "--dns 127.0.0.1", "the host's name servers are not told to the jail"),
        _host("DnsSearch", ["."], "--dns-search .", "nor are its domains"),
        _host("Privileged", False, "--privileged=false", "no devices, and everything below stays in force"),
        _host("CapDrop", ["ALL"], "--cap-drop ALL", "nothing in the jail gets what PID 1 does not need"),
        _host("SecurityOpt", ["no-new-privileges"], "--security-opt no-new-privileges", "no program can raise rights"),
        _host("IpcMode", "none", "--ipc none", "an IPC namespace of its own, without shared memory of Docker's size"),
        _host("PidMode", "", "--pid (own)", "no process of the host is seen or reached; PID 1's end ends all"),
        _host("UTSMode", "", "--uts (own)", "the host's name is neither seen nor changed"),
        _host("CgroupnsMode", "private", "--cgroupns private", "the host's cgroup paths are not seen"),
        _own(
            "Hostname", spec.hostname, "--hostname <random>", "the host's name is not told, and no two runs share one"
        ),
        _own("Domainname", "", "--domainname ''", "nor is its domain"),
    )


def _user(spec: JailSpec) -> tuple[Flag, ...]:
    """Wall 1 of a runtime on the host's own kernel."""
    user = f"{spec.uid}:{spec.gid}"
    return (
        _host(
            "SecurityOpt",
            [f"seccomp={seccomp_profile(spec.syscalls)}"],
            "--security-opt seccomp=<wall 1>",
            "an allowlist instead of Docker's profile, which lets vsock, packet, netlink, AF_ALG and io_uring through",
        ),
        _own("User", user, f"--user {user}", "never root: uid 0 may write to /proc/sys even without capabilities"),
    )


def _gvisor_user() -> tuple[Flag, ...]:
    """Wall 1 is the Sentry. In it a process opens PID 1's descriptors and kills it, unless its uid differs."""
    capabilities = (
        ("SETUID", "PID 1 gives the reader and the loader the jail's uid"),
        ("SETGID", "and its gid, and takes their groups"),
        ("KILL", "it ends processes of that other uid"),
        ("SYS_PTRACE", "it traces them; gVisor has no user notification"),
        ("DAC_READ_SEARCH", "it reads their memory, limits and descriptors in /proc, which belong to that uid"),
    )
    return (
        _host(
            "SecurityOpt",
            ["seccomp=unconfined"],
            "--security-opt seccomp=unconfined",
            "wall 1 is the Sentry: gVisor passes no profile on, and one that did would hide calls from the watch",
        ),
        _own(
            "User",
            "0:0",
            "--user 0:0",
            "of PID 1 alone, out of the loader's reach; no root of the host's",
        ),
        *(_host("CapAdd", [name], f"--cap-add {name}", f"for PID 1 alone: {why}") for name, why in capabilities),
    )


def _files(spec: JailSpec, runtime: str | None) -> tuple[Flag, ...]:
    # gVisor counts no names; they take the Sentry's memory, which the host watches.
    inodes = "" if runtime == GVISOR else f"nr_inodes={INODES},"
    tmpfs = f"rw,noexec,nosuid,nodev,{inodes}size={spec.limits.tmp}"
    return (
        _host("ReadonlyRootfs", True, "--read-only", "what stands in the image stays as it was built"),
        _host(
            "Mounts",
            [_mount(str(source), target) for target, source in spec.mounted.items()],
            "--mount <model>,readonly",
            "the file itself, never writable",
        ),
        _host("Mounts", [_mount(str(spec.code), CODE)], f"--mount {CODE},readonly", "the guest's code of this release"),
        *(
            _host("Mounts", [_mount(str(row.folder), row.place)], f"--mount {row.place},readonly", "a layer of setup's")
            for row in spec.layers
        ),
        _host("Tmpfs", {TMP: f"{tmpfs},mode=1777"}, f"--tmpfs {TMP}", "room to write, bounded, nothing runs from it"),
        _host(
            "Tmpfs",
            {HOME: f"{tmpfs},mode=0700,uid={spec.uid},gid={spec.gid}"},
            f"--tmpfs {HOME}",
            "the decoys' place, bounded likewise",
        ),
        _host(
            "Tmpfs",
            {SHARED: f"{tmpfs},mode=1777"},
            f"--tmpfs {SHARED}",
            "shared memory, bounded likewise",
        ),
        *(() if spec.programs else (_no_programs(),)),
        _own("WorkingDir", "/", "--workdir /", "nothing is imported or written by way of the working folder"),
    )


def _no_programs() -> Flag:
    over = f"ro,noexec,nosuid,nodev,size={HIDDEN}"
    reason = "an empty folder over the image's programs: this policy runs none, so none is there"
    return _host("Tmpfs", {PROGRAMS: over}, f"--tmpfs {PROGRAMS}:ro", reason)


def _limits(spec: JailSpec, runtime: str | None) -> tuple[Flag, ...]:
    limits = spec.limits
    cpus = min(limits.cpus, float(os.cpu_count() or 1))
    memory, tasks = limits.memory, limits.processes
    if runtime == GVISOR:
        memory, tasks = memory + SENTRY_MEMORY, tasks * _THREADS_EACH + _SENTRY_THREADS
    rows = (
        _host("Memory", memory, f"--memory {memory}", "the host's memory is not the jail's"),
        _host("MemorySwap", memory, f"--memory-swap {memory}", "nor is its swap"),
        _host("OomKillDisable", False, "--oom-kill-disable=false", "what exceeds it is killed instead of hanging"),
        _host("OomScoreAdj", 500, "--oom-score-adj 500", "on a host without memory the jail goes first"),
        _host("PidsLimit", tasks, f"--pids-limit {tasks}", "no fork bomb"),
        _host("NanoCpus", int(cpus * 1e9), f"--cpus {cpus:g}", "the host stays responsive"),
        _ulimit("core", 0, "no memory image is written to the host"),
        _ulimit("fsize", limits.file_size, "no file in the jail grows beyond this"),
        _ulimit("msgqueue", 0, "no kernel memory in message queues"),
        _ulimit("nofile", limits.open_files, "the kernel's tables are not the jail's to fill"),
    )
    if runtime == GVISOR:
        return (*rows, _ulimit("nproc", limits.processes, "counted by the Sentry; the engine counts its threads"))
    return (*rows, _ulimit("sigpending", SIGNALS, "the user's queue of signals is not the jail's to fill"))


def _life(spec: JailSpec) -> tuple[Flag, ...]:
    # The engine adds these two by itself; a name without a value takes them away again.
    unset = [name for name in ("PATH", "HOSTNAME") if name not in spec.variables]
    variables = [f"{name}={value}" for name, value in spec.variables.items()]
    return (
        _own("Entrypoint", list(COMMAND), " ".join(COMMAND), "PID 1 is ours; -I and -B ignore folders and variables"),
        _own("Cmd", [], "(no arguments)", "the order comes on standard input"),
        _own("Env", variables + unset, "--env <decoys only>", "nothing of the host's environment, decoys instead"),
        _own("Healthcheck", {"Test": ["NONE"]}, "--no-healthcheck", "nothing is started beside PID 1"),
        _host("Init", False, "--init=false", "PID 1 is the supervisor, whatever the engine's default"),
        _own("Tty", False, "--tty=false", "no terminal, so no terminal tricks"),
        _own("OpenStdin", True, "--interactive", "the order's way in"),
        _own("StdinOnce", True, "--attach stdin, once", "its end, also that of a killed controller, ends PID 1"),
        _own("AttachStdin", True, "--attach stdin", "the order's way in"),
        _own("AttachStdout", True, "--attach stdout", "the frames' way out"),
        _own("AttachStderr", True, "--attach stderr", "PID 1's last words, bounded"),
        _host("LogConfig", {"Type": "none"}, "--log-driver none", "a flood of output can't fill the engine's disk"),
        _host("RestartPolicy", {"Name": "no"}, "--restart no", "a jail ends once"),
        _host("AutoRemove", True, "--rm", "nothing is left behind, even when the controller is killed"),
        _own("Labels", {JOB_LABEL: spec.job}, f"--label {JOB_LABEL}", "what is left behind can be found"),
    )


def _runtime(runtime: str | None) -> tuple[Flag, ...]:
    if not runtime:
        return ()
    return (_host("Runtime", runtime, f"--runtime {runtime}", "the runtime that was asked for, or none at all"),)


def _mount(source: str, target: str) -> dict[str, Any]:
    """A mount, not a volume: a source that is missing is an error instead of a new folder of root's."""
    options = {"Propagation": "rprivate", "NonRecursive": True}
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True, "BindOptions": options}


def _ulimit(name: str, value: int, reason: str) -> Flag:
    row = {"Name": name, "Soft": value, "Hard": value}
    return _host("Ulimits", [row], f"--ulimit {name}={value}", reason)
