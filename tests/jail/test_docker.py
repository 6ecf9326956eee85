"""The Docker jail, with a real engine, seen from outside and, through a stand-in for PID 1, from inside."""

from __future__ import annotations

import json
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import policy
from sandbox.errors import CallerError, HostError, UnpreparedError
from sandbox.jail import engine as engine_module
from sandbox.jail.docker import Docker
from sandbox.jail.docker_flags import GVISOR, JOB_LABEL, flags, request, seccomp_profile
from sandbox.jail.docker_run import Demultiplexer, RunningDocker
from sandbox.jail.engine import Engine, Stream, connect
from sandbox.jail.interface import JailSpec, Limits, RunningJail
from sandbox.jail.packages import Guest, Packages

ROOT = Path(__file__).resolve().parents[2]
STANDIN = Path(__file__).parent / "standin.py"
IMAGES = ROOT / "images"
MIB = 1 << 20
LIMITS = Limits(
    memory=768 * MIB,
    address_space=8192 * MIB,
    processes=64,
    tmp=16 * MIB,
    file_size=8 * MIB,
    open_files=128,
    cpus=1.0,
)
CALLS = policy.load("evaluate", ROOT / "configs").syscalls.wall_one
PROGRAMS = policy.load("detonate", ROOT / "configs").programs


def make_spec(folder: Path) -> JailSpec:
    """A jail with the stand-in for runner.py and a model that is a few bytes."""
    folder.chmod(0o755)
    code = folder / "code"
    code.mkdir(mode=0o755)
    shutil.copyfile(STANDIN, code / "runner.py")
    model = folder / "model.pt"
    model.write_bytes(b"model")
    model.chmod(0o644)
    return JailSpec(
        models={"m" + secrets.token_hex(8): model},
        code=code,
        hostname="h" + secrets.token_hex(4),
        uid=65534,
        gid=65534,
        limits=LIMITS,
        variables={"HOME": "/home/user", "HF_TOKEN": "hf_decoy"},
        syscalls=CALLS,
        job=secrets.token_hex(8),
    )


@pytest.fixture
def spec(tmp_path: Path) -> JailSpec:
    return make_spec(tmp_path)


@pytest.fixture(scope="session")
def docker() -> Docker:
    """With its image, which is built when it isn't there."""
    packages = Packages(IMAGES / "requirements.lock", None, Guest.read(ROOT / "configs"))
    jail = Docker(packages, IMAGES)
    jail.prepare(print)
    return jail


@pytest.fixture(scope="module")
def inside(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JailSpec, RunningJail]]:
    """One jail for all that only looks."""
    wanted = make_spec(tmp_path_factory.mktemp("inside"))
    with docker.start(wanted) as jail:
        yield wanted, jail


def ask(jail: RunningJail, command: str) -> Any:
    jail.write(command.encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        piece = jail.read(60)
        assert piece, jail.stop()
        answer += piece
    return json.loads(answer)


def containers(job: str) -> list[dict[str, Any]]:
    with connect("unix:///var/run/docker.sock") as engine:
        return engine.containers(f"{JOB_LABEL}={job}")


# The table.


def test_the_hardening_is_this_and_nothing_else(spec: JailSpec, tmp_path: Path) -> None:
    memory, tmpfs = 768 * MIB, f"rw,noexec,nosuid,nodev,nr_inodes=4096,size={16 * MIB}"
    bind = {"Type": "bind", "ReadOnly": True, "BindOptions": {"Propagation": "rprivate", "NonRecursive": True}}
    assert request(flags(spec, None), "image") == {
        "Image": "image",
        "User": "65534:65534",
        "Hostname": spec.hostname,
        "Domainname": "",
        "WorkingDir": "/",
        "Entrypoint": ["/usr/bin/python3", "-I", "-B", "/code/runner.py"],
        "Cmd": [],
        "Env": ["HOME=/home/user", "HF_TOKEN=hf_decoy", "PATH", "HOSTNAME"],
        "Healthcheck": {"Test": ["NONE"]},
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": {"sandbox-load.job": spec.job},
        "HostConfig": {
            "NetworkMode": "none",
            "Dns": ["127.0.0.1"],
            "DnsSearch": ["."],
            "Privileged": False,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges", f"seccomp={seccomp_profile(spec.syscalls)}"],
            "IpcMode": "none",
            "PidMode": "",
            "UTSMode": "",
            "CgroupnsMode": "private",
            "ReadonlyRootfs": True,
            "Mounts": [
                {**bind, "Source": str(tmp_path / "model.pt"), "Target": spec.places[0]},
                {**bind, "Source": str(tmp_path / "code"), "Target": "/code"},
            ],
            "Tmpfs": {
                "/tmp": f"{tmpfs},mode=1777",
                "/home/user": f"{tmpfs},mode=0700,uid=65534,gid=65534",
                "/dev/shm": f"{tmpfs},mode=1777",
                "/programs": "ro,noexec,nosuid,nodev,size=4096",
            },
            "Memory": memory,
            "MemorySwap": memory,
            "OomKillDisable": False,
            "OomScoreAdj": 500,
            "PidsLimit": 64,
            "NanoCpus": 1_000_000_000,
            "Ulimits": [
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "fsize", "Soft": 8 * MIB, "Hard": 8 * MIB},
                {"Name": "msgqueue", "Soft": 0, "Hard": 0},
                {"Name": "nofile", "Soft": 128, "Hard": 128},
                {"Name": "sigpending", "Soft": 1024, "Hard": 1024},
            ],
            "Init": False,
            "LogConfig": {"Type": "none"},
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": True,
        },
    }


def test_every_flag_has_its_reason(docker: Docker, spec: JailSpec) -> None:
    rows = docker.hardening(spec)
    assert len(rows) == len(flags(spec, None))
    assert all(flag and reason for flag, reason in rows)


@pytest.mark.parametrize("runtime", [None, GVISOR])
def test_programs_differ_in_what_is_not_hidden_and_nothing_else(spec: JailSpec, runtime: str | None) -> None:
    hidden = [row for row in flags(spec, runtime) if row not in flags(replace(spec, programs=PROGRAMS), runtime)]
    assert [row.flag for row in hidden] == ["--tmpfs /programs:ro"]
    assert len(flags(spec, runtime)) == len(flags(replace(spec, programs=PROGRAMS), runtime)) + 1


def test_pid_1_is_promised_that_no_program_is_there(docker: Docker, spec: JailSpec) -> None:
    plain, shown = docker.promises(spec), docker.promises(replace(spec, programs=PROGRAMS))
    assert dict(plain.items() - shown.items()) == {"tmpfs /programs": 4096, "writable /programs": 0}
    assert shown.items() < plain.items()


def test_other_programs_are_another_image(tmp_path: Path) -> None:
    packages = Packages(IMAGES / "requirements.lock", None, Guest.read(ROOT / "configs"))
    copied = copy_recipe(tmp_path)
    assert Docker(packages, copied).image == Docker(packages, IMAGES).image
    with (tmp_path / "configs" / "programs.toml").open("a") as file:
        file.write("# one more\n")
    assert Docker(packages, copied).image != Docker(packages, IMAGES).image


def test_a_runtime_is_asked_for_by_name_and_gvisor_counts_processes_itself(spec: JailSpec) -> None:
    host = request(flags(spec, "runsc"), "image")["HostConfig"]
    assert host["Runtime"] == "runsc"
    assert {"Name": "nproc", "Soft": 64, "Hard": 64} in host["Ulimits"]


def test_the_profile_is_an_allowlist_for_every_abi() -> None:
    profile = json.loads(seccomp_profile(("read", "openat2")))
    allowed, absent = profile["syscalls"]
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert profile["archMap"][0]["subArchitectures"] == ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert allowed["action"] == "SCMP_ACT_ALLOW"
    assert not {"socket", "mount", "bpf", "ptrace", *absent["names"]} & set(allowed["names"])
    assert absent == {"names": ["clone3", "openat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}


# The stream.

PIECES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)))


@given(PIECES, st.lists(st.integers(1, 30), max_size=40))
def test_the_streams_come_apart_however_they_are_cut(pieces: list[tuple[int, bytes]], cuts: list[int]) -> None:
    sent = b"".join(bytes([number, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for number, text in pieces)
    demultiplexer, out = Demultiplexer(), b""
    for cut in [*cuts, len(sent)]:
        out += demultiplexer.feed(sent[:cut])
        sent = sent[cut:]
    assert out == b"".join(text for number, text in pieces if number == 1)
    assert demultiplexer.stderr == b"".join(text for number, text in pieces if number == 2)


def test_of_standard_error_only_the_last_words_are_kept() -> None:
    demultiplexer = Demultiplexer()
    demultiplexer.feed(b"\2\0\0\0" + (1 << 20).to_bytes(4, "big") + b"x" * (1 << 20))
    assert len(demultiplexer.stderr) == 4096


@pytest.mark.parametrize("header", [b"\3\0\0\0\0\0\0\1", b"\1\1\0\0\0\0\0\1", b"HTTP/1.1"])
def test_what_is_no_such_stream_is_refused(header: bytes) -> None:
    with pytest.raises(HostError, match="stream"):
        Demultiplexer().feed(header)


class Wrapped:
    """What the SDK puts around a socket, as far as a stream needs it."""

    def __init__(self, end: socket.socket) -> None:
        self._sock, self._response = end, end


def test_a_flood_on_standard_error_does_not_outlast_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is always something to read, and never anything to give back."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        jail = RunningDocker(Engine.__new__(Engine), "", "", Stream(Wrapped(ours)), ())
        theirs.setblocking(False)
        flood = b"\2\0\0\0\0\0\0\1x"
        received = Demultiplexer.feed

        def refilled(self: Demultiplexer, piece: bytes) -> bytes:
            theirs.send(flood)
            return received(self, piece)

        monkeypatch.setattr(Demultiplexer, "feed", refilled)
        theirs.send(flood)
        with pytest.raises(TimeoutError):
            jail.read(0.05)


# From inside.


@pytest.mark.jail
def test_how_it_looks_from_inside(inside: tuple[JailSpec, RunningJail]) -> None:
    spec, jail = inside
    seen = ask(jail, "facts")
    status = seen["status"]
    assert seen["pid"] == 1
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert set(seen["ids"]) == {65534}
    assert seen["interfaces"] == ["lo"]
    assert seen["environment"] == spec.variables | {"LC_CTYPE": "C.UTF-8"}  # Python's own
    assert (seen["hostname"], seen["folder"], seen["model"]) == (spec.hostname, "/", list(spec.models))
    assert seen["programs"] == ["python3", "python3.11"]
    assert seen["resolver"].split() == ["nameserver", "127.0.0.1"]
    assert seen["flags"] == [1, 1]
    limits = seen["limits"]
    assert limits["RLIMIT_CORE"] == limits["RLIMIT_MSGQUEUE"] == [0, 0]
    assert limits["RLIMIT_FSIZE"] == [8 * MIB] * 2
    assert limits["RLIMIT_NOFILE"] == [128] * 2


@pytest.mark.jail
def test_what_can_be_written_is_bounded_and_can_not_be_run(inside: tuple[JailSpec, RunningJail]) -> None:
    spec, jail = inside
    mounts = ask(jail, "facts")["mounts"]
    for path in ("/tmp", "/home/user", "/dev/shm"):
        assert {"noexec", "nosuid", "nodev", "nr_inodes=4096", "size=16384k"} <= set(mounts[path].split(","))
    for path in ("/", "/code", *spec.places, "/programs", "/proc/sys", "/sys"):
        assert "ro" in mounts[path].split(","), path
    assert set(ask(jail, "fill").values()) == {"ENOSPC"}
    assert set(ask(jail, "files").values()) == {"ENOSPC"}


@pytest.mark.jail
def test_the_walls(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    answers = ask(jail, "walls")
    assert {name for name, answer in answers.items() if answer.startswith("did it")} <= {"unshare"}  # wall 2's
    assert answers["clone3"] == "ENOSYS"
    assert answers["core_pattern"] in ("EACCES", "EROFS")


@pytest.mark.jail
def test_a_call_by_the_32_bit_gate_is_left_to_wall_two(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    assert ask(jail, "foreign") == "did it: 1"


@pytest.mark.jail
def test_the_locked_packages_work_inside(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    versions = ask(jail, "imports")
    assert versions.items() >= {"torch": "2.13.0+cpu", "numpy": "2.4.6", "psutil": "7.2.2", "blake3": "1.0.11"}.items()


@pytest.mark.jail
def test_each_limit_says_what_enforces_it(inside: tuple[JailSpec, RunningJail]) -> None:
    _, jail = inside
    limits = {limit.name: limit for limit in jail.limits()}
    assert limits.keys() == {"memory", "processes", "cpu", "tmp", "file size", "open files"}
    assert limits["memory"].value == LIMITS.memory
    assert all(limit.enforced_by for limit in limits.values())


# Its end.


@pytest.mark.jail
def test_nothing_is_left_and_stopping_twice_is_fine(docker: Docker, spec: JailSpec) -> None:
    with docker.start(spec) as jail:
        assert ask(jail, "echo=there") == "there"
        assert len(containers(spec.job)) == 1
        assert jail.stop() == jail.stop() == ""
        assert containers(spec.job) == []
        with pytest.raises(HostError):
            jail.write(b"echo=x\n")


@pytest.mark.jail
def test_an_exception_in_between_leaves_nothing(docker: Docker, spec: JailSpec) -> None:
    with pytest.raises(KeyboardInterrupt), docker.start(spec):
        raise KeyboardInterrupt
    assert containers(spec.job) == []


@pytest.mark.jail
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (b"end\n", ""),
        (b"fail\n", "PID 1 of the jail ended with status 3: a reason to end"),
        (b"bomb\n", "the kernel killed a process in the jail because it had used up its memory limit"),
    ],
)
def test_why_it_ended(docker: Docker, spec: JailSpec, command: bytes, why: str) -> None:
    with docker.start(replace(spec, limits=replace(LIMITS, memory=64 * MIB))) as jail:
        jail.write(command)
        assert jail.read(60) == b""
        assert jail.read(1) == b""
        assert jail.stop() == why
    assert containers(spec.job) == []


@pytest.mark.jail
def test_a_child_that_was_killed_for_memory_is_told_too(docker: Docker, spec: JailSpec) -> None:
    with docker.start(replace(spec, limits=replace(LIMITS, memory=64 * MIB))) as jail:
        assert ask(jail, "bomb in child") == -signal.SIGKILL
        assert ask(jail, "echo=alive") == "alive"
        assert "memory limit" in jail.stop()


@pytest.mark.jail
def test_a_fork_bomb_is_refused_more(docker: Docker, spec: JailSpec) -> None:
    with docker.start(spec) as jail:
        assert ask(jail, "fork bomb") == "EAGAIN"


@pytest.mark.jail
def test_a_flood_is_read_in_bounded_pieces_and_held_back(docker: Docker, spec: JailSpec) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = 0
    with docker.start(spec) as jail:
        jail.write(b"flood\n")
        while taken < 64 * MIB:
            piece = jail.read(60)
            assert 0 < len(piece) <= MIB
            taken += len(piece)
        assert jail.stop() == ""
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 16 * MIB
    assert containers(spec.job) == []


@pytest.mark.jail
def test_silence_is_a_timeout(docker: Docker, spec: JailSpec) -> None:
    with docker.start(spec) as jail, pytest.raises(TimeoutError):
        jail.read(0.01)


@pytest.mark.jail
def test_a_killed_controller_leaves_nothing(docker: Docker, spec: JailSpec) -> None:
    program = f"""
import sys, time
sys.path[:0] = [{str(ROOT)!r}]
from pathlib import PosixPath
from sandbox.jail.docker import Docker
from sandbox.jail.interface import JailSpec, Limits
from sandbox.jail.packages import Guest, Packages
images = PosixPath({str(IMAGES)!r})
jail = Docker(Packages(images / "requirements.lock", None, Guest.read(images.parent / "configs")), images)
running = jail.start({spec!r})
print("started", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as controller:
        assert controller.stdout
        assert controller.stdout.readline() == b"started\n"
        assert len(containers(spec.job)) == 1
        controller.kill()
    until = time.monotonic() + 60
    while containers(spec.job):
        assert time.monotonic() < until, "the container is still there"
        time.sleep(0.05)


# What is refused.


@pytest.mark.parametrize("change", [{"uid": 0}, {"gid": 0}])
def test_root_is_refused(docker: Docker, spec: JailSpec, change: dict[str, int]) -> None:
    with pytest.raises(CallerError, match="never started as root"):
        docker.start(replace(spec, **change))


@pytest.mark.jail
@pytest.mark.parametrize("missing", ["models", "code"])
def test_a_file_that_the_engine_does_not_see_is_one_sentence(docker: Docker, spec: JailSpec, missing: str) -> None:
    absent = spec.code.parent / "absent"
    with pytest.raises(HostError, match="starting the jail failed"):
        docker.start(replace(spec, **{missing: {"model": absent} if missing == "models" else absent}))
    assert not absent.exists()
    assert containers(spec.job) == []


@pytest.mark.jail
def test_a_call_that_no_kernel_knows_is_passed_over(docker: Docker, spec: JailSpec) -> None:
    with docker.start(replace(spec, syscalls=(*CALLS, "no_such_call"))) as jail:
        assert ask(jail, "echo=there") == "there"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://192.0.2.1:2375", "is not on this machine"),
        ("ssh://user@192.0.2.1", "is not on this machine"),
        ("unix:///nonexistent/docker.sock", "engine"),
    ],
)
def test_an_engine_that_can_not_be_used_is_explained(
    docker: Docker, spec: JailSpec, monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    readiness = docker.readiness()
    assert (readiness.works, readiness.prepared, readiness.name) == (False, False, "docker")
    assert why in readiness.why
    assert readiness.fix
    with pytest.raises(UnpreparedError):
        docker.start(spec)
    with pytest.raises(UnpreparedError):
        docker.prepare(print)


def test_a_socket_where_nothing_answers_is_explained(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker.sock").write_text("")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    readiness = docker.readiness()
    assert not readiness.works
    assert "no Docker engine answers" in readiness.why
    assert readiness.fix


def test_a_user_outside_the_group_is_told_the_price_of_joining() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        closed = Path(folder, "docker.sock")
        closed.touch(mode=0)
        program = f"""
import os, sys
sys.path[:0] = [{str(ROOT)!r}]
from sandbox.jail.docker import _socket
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(_socket())
"""
        environment = os.environ | {"DOCKER_HOST": f"unix://{closed}"}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "as good as root" in done.stdout
    assert "sudo usermod -aG docker $USER" in done.stdout


# Preparation.


@pytest.mark.jail
def test_it_is_ready_once_it_is_prepared(docker: Docker) -> None:
    readiness = docker.readiness()
    assert (readiness.works, readiness.prepared, readiness.why, readiness.fix) == (True, True, "", "")
    assert readiness.version
    said: list[str] = []
    docker.prepare(said.append)
    assert said == []


@pytest.mark.jail
def test_a_runtime_that_is_not_registered_is_named(docker: Docker) -> None:
    readiness = Docker(docker._packages, IMAGES, "no-such-runtime").readiness()
    assert not readiness.works
    assert "no runtime no-such-runtime" in readiness.why
    assert "daemon.json" in readiness.fix


def copy_recipe(folder: Path) -> Path:
    """What an image is made of, laid out as in the checkout; the folder of images/."""
    for part in ("images/Dockerfile", "images/base.py", "images/compile.py", "configs/programs.toml"):
        (folder / part).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / part, folder / part)
    return folder / "images"


class Small:
    """A jail whose recipe differs by a comment, so that it has an image of its own, under labels of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **guest: Any) -> None:
        name = f"sandbox-load-test-{secrets.token_hex(4)}"
        monkeypatch.setattr(engine_module, "IMAGE_LABEL", name)
        monkeypatch.setattr("sandbox.jail.docker.JOB_LABEL", f"{name}.job")
        images = copy_recipe(folder)
        with (images / "Dockerfile").open("a") as file:
            file.write(f"# {name}\n")
        packages = Packages(IMAGES / "requirements.lock", folder, replace(Guest.read(ROOT / "configs"), **guest))
        package = folder / "sandbox-load" / packages.digest / "env" / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        self.jail = Docker(packages, images)
        self.said: list[str] = []


@pytest.mark.jail
def test_an_image_is_built_and_removed(tmp_path: Path, spec: JailSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small(tmp_path, monkeypatch)
    before = small.jail.readiness()
    assert (before.works, before.prepared, before.fix) == (True, False, "sandbox-load setup --jail docker")
    small.jail.prepare(small.said.append)
    assert small.jail.readiness().prepared
    assert any("MiB" in said for said in small.said)
    with small.jail.start(spec) as jail:
        assert any(name.endswith(".pyc") for name in ask(jail, "list=/env/package/__pycache__"))
    small.jail.remove(small.said.append)
    assert not small.jail.readiness().prepared


@pytest.mark.jail
def test_a_jail_without_its_image_says_what_makes_it(
    tmp_path: Path, spec: JailSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnpreparedError, match="sandbox-load setup --jail docker"):
        Small(tmp_path, monkeypatch).jail.start(spec)


@pytest.mark.jail
def test_where_no_registry_answers_the_script_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small(tmp_path, monkeypatch, local_base="127.0.0.1:9/none:none", base_image="127.0.0.1:9/none:none")
    with pytest.raises(HostError, match=r"can't be pulled.*scripts/make-base"):
        small.jail.prepare(small.said.append)
    with pytest.raises(HostError, match=r"scripts/make-base"):
        small.jail.prepare(small.said.append, offline=True)


@pytest.mark.jail
def test_a_base_with_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small(tmp_path, monkeypatch, python="3.99")
    with pytest.raises(HostError, match=r"the guest needs 3\.99"):
        small.jail.prepare(small.said.append)


@pytest.mark.jail
def test_what_a_killed_start_left_is_reaped(docker: Docker, spec: JailSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    left = replace(spec, job=secrets.token_hex(8))
    with connect("unix:///var/run/docker.sock") as engine:
        engine.api.create_container_from_config(request(flags(left, None), docker.image))
    assert len(containers(left.job)) == 1
    monkeypatch.setattr("sandbox.jail.docker._STALE_SECONDS", -10)
    with docker.start(spec) as jail:
        assert isinstance(jail, RunningDocker)
        assert containers(left.job) == []
