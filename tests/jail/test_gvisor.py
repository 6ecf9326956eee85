"""The gVisor jail from the host's side: how it is started, what is held to its limits, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from sandbox.errors import HostError
from sandbox.jail.docker import Docker, _is_gvisor, _judge
from sandbox.jail.docker_flags import GVISOR, SENTRY_MEMORY, flags, request
from sandbox.jail.docker_run import RunningDocker
from sandbox.jail.engine import Engine
from sandbox.jail.interface import JailSpec, RunningJail
from sandbox.jail.sentry import Sentry, memory_group
from tests.jail.test_docker import IMAGES, LIMITS, MIB, ask, containers, docker, make_spec, spec

__all__ = ["docker", "spec"]  # the fixtures

REACHED = "the jail reached its memory limit and the host ended it"


@pytest.fixture(scope="session")
def gvisor(docker: Docker) -> Docker:
    return Docker(docker._packages, IMAGES, GVISOR)


@pytest.fixture(scope="module")
def inside(gvisor: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JailSpec, RunningJail]]:
    """One jail for all that only looks."""
    wanted = make_spec(tmp_path_factory.mktemp("inside"))
    with gvisor.start(wanted) as jail:
        yield wanted, jail


def sentry_of(jail: RunningJail) -> Sentry:
    assert isinstance(jail, RunningDocker)
    assert jail._watch
    return jail._watch.sentry


def host_processes(identity: str) -> list[int]:
    """Whatever on the host has the container's id in its command line: shim, gofer, Sentry."""
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if any(identity in word for word in process.info["cmdline"] or [])]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_the_hardening_differs_from_dockers_in_this_and_nothing_else(spec: JailSpec) -> None:
    plain, sandboxed = (request(flags(spec, runtime), "image") for runtime in (None, GVISOR))
    host, other = plain.pop("HostConfig"), sandboxed.pop("HostConfig")
    assert {key: sandboxed[key] for key in sandboxed if sandboxed[key] != plain[key]} == {"User": "0:0"}
    assert other.keys() - host.keys() == {"CapAdd", "Runtime"}
    tmpfs = f"rw,noexec,nosuid,nodev,size={16 * MIB}"
    memory = LIMITS.memory + SENTRY_MEMORY
    assert {key: value for key, value in other.items() if value != host.get(key)} == {
        "Runtime": "runsc",
        "CapAdd": ["SETUID", "SETGID", "KILL", "SYS_PTRACE", "DAC_READ_SEARCH"],
        "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
        "Tmpfs": {
            "/tmp": f"{tmpfs},mode=1777",
            "/home/user": f"{tmpfs},mode=0700,uid=65534,gid=65534",
            "/dev/shm": f"{tmpfs},mode=1777",
            "/programs": host["Tmpfs"]["/programs"],
        },
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": 64 * 8 + 128,
        "Ulimits": [*host["Ulimits"][:-1], {"Name": "nproc", "Soft": 64, "Hard": 64}],
    }
    assert not any("<wall 1>" in row.flag for row in flags(spec, GVISOR))


@pytest.mark.jail
def test_how_it_looks_from_inside(inside: tuple[JailSpec, RunningJail]) -> None:
    spec, jail = inside
    seen = ask(jail, "facts")
    assert (seen["pid"], set(seen["ids"])) == (1, {0})
    asked = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 19  # DAC_READ_SEARCH, KILL, SETGID, SETUID, SYS_PTRACE
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(seen["status"][name], 16) == asked
    assert seen["interfaces"] == ["lo"]
    assert seen["environment"] == spec.variables | {"LC_CTYPE": "C.UTF-8"}
    assert (seen["hostname"], seen["model"]) == (spec.hostname, list(spec.models))
    assert seen["programs"] == ["python3", "python3.11"]
    for path in ("/", "/code", *spec.places, "/programs", "/sys"):
        assert "ro" in seen["mounts"][path].split(","), path
    for path in ("/tmp", "/home/user", "/dev/shm"):
        assert {"noexec", "size=16777216"} <= set(seen["mounts"][path].split(","))
    assert "uid=65534" in seen["mounts"]["/home/user"]
    limits = seen["limits"]
    assert limits["RLIMIT_CORE"] == limits["RLIMIT_MSGQUEUE"] == [0, 0]
    assert limits["RLIMIT_FSIZE"] == [8 * MIB] * 2
    assert limits["RLIMIT_NOFILE"] == [128] * 2
    assert limits["RLIMIT_NPROC"] == [64] * 2


@pytest.mark.jail
def test_the_jails_uid_does_not_reach_pid_1(inside: tuple[JailSpec, RunningJail]) -> None:
    """A process of PID 1's own uid opens its output and signals it there."""
    _, jail = inside
    told = ask(jail, "reach PID 1")
    assert told.pop("capabilities") == "did it: 0000000000000000"
    assert told.pop("home").startswith("did it")
    assert told.pop("environment").startswith("did it")  # which is why nothing secret stands in PID 1's
    assert told == {"output": "EACCES", "memory": "EACCES", "signal": "EPERM"}


@pytest.mark.jail
def test_what_can_be_written_is_bounded(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    filled = ask(jail, "fill")
    assert (filled["/tmp"], filled["/dev/shm"]) == ("ENOSPC", "ENOSPC")


@pytest.mark.jail
def test_each_limit_says_what_enforces_it(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    limits = {limit.name: limit for limit in jail.limits()}
    assert limits.keys() == {"memory", "processes", "cpu", "tmp", "file size", "open files"}
    assert limits["memory"].value == LIMITS.memory
    assert "the host's samples" in limits["memory"].enforced_by
    assert limits["processes"].enforced_by == "the supervisor, which traces every start of one"
    assert "--ignore-cgroups" in limits["cpu"].enforced_by  # as the tests' engine has registered it


@pytest.mark.jail
@pytest.mark.parametrize("command", [b"bomb\n", b"fill\n"])
def test_what_takes_too_much_memory_is_ended_by_the_host(gvisor: Docker, spec: JailSpec, command: bytes) -> None:
    """What is in a tmpfs counts, too. It may answer before the next sample is taken, and is ended all the same."""
    limits = replace(LIMITS, memory=48 * MIB, tmp=256 * MIB)
    with gvisor.start(replace(spec, limits=limits)) as jail:
        jail.write(command)
        while jail.read(60):
            pass
        assert jail.stop() == REACHED
    assert containers(spec.job) == []


@pytest.mark.jail
def test_memory_is_counted_once_and_as_it_is(gvisor: Docker, spec: JailSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    with gvisor.start(replace(spec, limits=replace(LIMITS, tmp=128 * MIB))) as jail:
        sentry = sentry_of(jail)
        ask(jail, "echo=there")
        before = sentry.memory()
        assert ask(jail, "fill")["/tmp"] == "did it"
        # 64 MiB in each of two folders; PID 1 may not write to the third, the model's user's home.
        grown = sentry.memory() - before
        assert 128 * MIB <= grown < 128 * MIB * 1.25
        assert before < SENTRY_MEMORY
        assert sentry.exact
        monkeypatch.setattr(sentry, "_memory", None)  # as for a user who may not see gVisor's descriptors
        assert sentry.memory() >= 128 * MIB


@pytest.mark.jail
def test_a_busy_jail_ends_at_once_and_leaves_nothing(gvisor: Docker, spec: JailSpec) -> None:
    with gvisor.start(spec) as jail:
        assert ask(jail, "fork bomb") == "EAGAIN"
        jail.write(b"flood\n")
        assert jail.read(60)
        identity = containers(spec.job)[0]["Id"]
        assert len(host_processes(identity)) >= 3
        assert jail.stop() == jail.stop() == ""
        with pytest.raises(HostError):
            jail.write(b"echo=x\n")
    assert containers(spec.job) == []
    assert host_processes(identity) == []


@pytest.mark.jail
def test_a_sentry_that_hangs_is_ended_all_the_same(gvisor: Docker, spec: JailSpec) -> None:
    with gvisor.start(spec) as jail:
        identity = containers(spec.job)[0]["Id"]
        os.kill(sentry_of(jail).pid, signal.SIGSTOP)
        assert jail.stop() == ""
    assert containers(spec.job) == []
    assert host_processes(identity) == []


@pytest.mark.jail
def test_a_sentry_that_hangs_and_may_not_be_ended_is_named(
    gvisor: Docker, spec: JailSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a user who is in the docker group and not root. The engine's kill and its removal hang, too."""
    monkeypatch.setattr(Sentry, "kill", lambda _self: False)
    monkeypatch.setattr("sandbox.jail.engine._KILL_SECONDS", 0.5)
    monkeypatch.setattr("sandbox.jail.docker_run.GRACE_SECONDS", 0.5)
    monkeypatch.setattr("sandbox.jail.docker_run.REMOVAL_SECONDS", 1.5)
    jail = gvisor.start(spec)
    hanging = psutil.Process(sentry_of(jail).pid)
    hanging.suspend()
    try:
        with pytest.raises(HostError, match=f"gVisor hangs.*sudo kill -9 {hanging.pid} && docker rm -f"), jail:
            jail.stop()
    finally:
        hanging.kill()
    wait_for(lambda: not containers(spec.job))


@pytest.mark.jail
def test_a_start_that_fails_leaves_no_process(gvisor: Docker, spec: JailSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where runsc itself fails the engine forgets the processes, so they are ended one by one."""
    started: list[str] = []

    def ended(_engine: Engine, identity: str) -> int:
        started.append(identity)
        assert len(host_processes(identity)) >= 3
        return 0

    monkeypatch.setattr(Engine, "main_process", ended)
    monkeypatch.setattr(Engine, "containers", lambda *_: [])  # forgotten
    with pytest.raises(HostError, match="can't be seen from here"):
        gvisor.start(spec)
    monkeypatch.undo()
    wait_for(lambda: not host_processes(started[0]))
    wait_for(lambda: not containers(spec.job))


@pytest.mark.jail
def test_why_it_ended(gvisor: Docker, spec: JailSpec) -> None:
    with gvisor.start(spec) as jail:
        jail.write(b"fail\n")
        assert jail.read(60) == b""
        assert jail.stop() == "PID 1 of the jail ended with status 3: a reason to end"
    assert containers(spec.job) == []


def test_a_process_that_is_not_this_containers_sentry_is_refused() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        with pytest.raises(HostError, match="can't be seen from here"):
            Sentry(other.pid, "0" * 64)
        other.kill()
    with pytest.raises(HostError, match="can't be seen from here"):
        Sentry(0, "0" * 64)


ONE = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("groups", "limited"),
    [
        (f"9:memory:/docker/{ONE}\n1:cpu:/\n0::/", True),
        (f"9:cpu,memory:/docker/{ONE}\n0::/", True),
        (f"0::/system.slice/docker-{ONE}.scope", True),
        (f"9:memory:/\n1:cpu:/docker/{ONE}\n0::/docker/{ONE}", False),
        ("0::/user.slice", False),
        ("", False),
    ],
)
def test_whether_the_engines_limit_holds_it_is_told_by_its_group(groups: str, limited: bool) -> None:
    assert (ONE in memory_group(groups)) == limited


RUNTIMES = {
    "runc": {"path": "runc"},
    "crun": {"path": "/usr/bin/crun"},
    "runsc": {"path": "/usr/bin/runsc"},
    "runsc-kvm": {"path": "/usr/local/bin/runsc"},
    "sentry": {"runtimeType": "io.containerd.runsc.v1"},
}


def test_what_registers_gvisor_is_told_in_full() -> None:
    info = {"ServerVersion": "27.0", "OSType": "linux", "Architecture": "x86_64", "SecurityOptions": ["name=seccomp"]}
    info |= {"MemoryLimit": True, "PidsLimit": True, "Runtimes": {"runc": {"path": "runc"}}}
    readiness = _judge("gvisor", info, GVISOR, has_image=True)
    assert not readiness.works
    assert "the engine has no runtime runsc" in readiness.why
    assert "sudo runsc install -- --platform=ptrace --network=none" in readiness.fix


@pytest.mark.parametrize(
    ("runtime", "own", "works"),
    [
        (None, "runc", True),
        ("crun", "runc", True),
        ("runsc", "runc", True),
        ("runsc", "runsc", True),
        ("runsc-kvm", "runc", False),
        ("sentry", "runc", False),
        (None, "runsc", False),
    ],
)
def test_gvisor_is_never_taken_for_another_runtime(runtime: str | None, own: str, works: bool) -> None:
    info: dict[str, Any] = {
        "ServerVersion": "20.10.24",
        "OSType": "linux",
        "Architecture": "x86_64",
        "SecurityOptions": ["name=seccomp"],
        "MemoryLimit": True,
        "PidsLimit": True,
        "Runtimes": RUNTIMES,
        "DefaultRuntime": own,
    }
    assert _is_gvisor(info, runtime) == (runtime not in (None, "crun") or own == "runsc")
    readiness = _judge("gvisor", info, runtime, has_image=True)
    assert (readiness.works, "use --jail gvisor" in readiness.fix) == (works, not works)
