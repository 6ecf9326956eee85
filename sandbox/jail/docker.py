"""The jail that Docker Engine makes, with its own runtime or another one (gVisor's runsc)."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import messages
from sandbox.errors import SandboxError
from sandbox.facts import Limit
from sandbox.jail.docker_flags import GVISOR, HIDDEN, JOB_LABEL, PROGRAMS, SENTRY_MEMORY, flags, request
from sandbox.jail.interface import Jail, JailSpec, Progress, Readiness, RunningJail
from sandbox.jail.packages import Packages

if TYPE_CHECKING:
    from sandbox.jail.engine import Engine
    from sandbox.jail.sentry import MemoryWatch

# What an image is made of beside the packages, from the folder that holds images/ and configs/.
_RECIPE = ("images/Dockerfile", "images/base.py", "images/compile.py", "configs/programs.toml")
# A container that was created and not started for so long belongs to a controller that was killed in between.
_STALE_SECONDS = 120
_LEAST_VERSION = (20, 10)
_SYSTEM_SOCKET = Path("/var/run/docker.sock")
# gVisor finds no network of its own in a container without one, and refuses, unless it is told that there is none.
_REGISTER = {
    GVISOR: "sudo apt-get install runsc && sudo runsc install -- --platform=ptrace --network=none && "
    "sudo systemctl restart docker",
    "": "install {runtime}, name it under runtimes in /etc/docker/daemon.json, sudo systemctl restart docker",
}
# The engine says so when its kernel has no accounting for swap; memory is limited all the same.
_HARMLESS_WARNING = "swap limit"


class Docker(Jail):
    """`runtime` is one that the engine has registered; None is the engine's own."""

    def __init__(self, packages: Packages, images: Path, runtime: str | None = None) -> None:
        self._runtime = runtime
        self.name = "gvisor" if runtime == GVISOR else f"docker+{runtime}" if runtime else "docker"
        self.runtime = runtime or ""
        self.counts_its_own_processes = runtime == GVISOR
        self._packages = packages
        self._recipe = [images.parent / name for name in _RECIPE]
        recipe = b"".join(path.read_bytes() for path in self._recipe)
        self.image = f"sandbox-load/guest:{hashlib.sha256(packages.digest.encode() + recipe).hexdigest()[:16]}"

    def promises(self, spec: JailSpec) -> dict[str, int]:
        hidden = {} if spec.programs else {f"tmpfs {PROGRAMS}": HIDDEN, f"writable {PROGRAMS}": 0}
        return super().promises(spec) | hidden

    def readiness(self) -> Readiness:
        socket = _socket()
        if isinstance(socket, Readiness):
            return _named(socket, self.name)
        try:
            with _connect(socket) as engine:
                info = engine.api.info()
                return _judge(self.name, info, self._runtime, engine.has_image(self.image))
        except Exception as error:  # the SDK raises many things; a check answers instead
            why = error.happened if isinstance(error, SandboxError) else f"the Docker engine failed: {error}"
            return Readiness(self.name, False, False, why=why, fix="sudo systemctl restart docker")

    def prepare(self, progress: Progress, *, wheels: Path | None = None, offline: bool = False) -> None:
        readiness = self.readiness()
        if not readiness.works:
            raise messages.error("docker.unusable", why=readiness.why, fix=readiness.fix)
        if readiness.prepared:
            return
        environment = self._packages.prepare(progress, wheels=wheels, offline=offline)
        from sandbox.jail.engine import explained, tar_stream  # noqa: PLC0415 - see engine's docstring

        with _connect(_address()) as engine, explained("building the image"):
            base = self._base(engine, progress, offline)
            size = self._packages.guest.installed >> 20
            progress(f"building {self.image} from {base}: about {size + 200} MiB in the engine's storage")
            sources = [(path.name, path) for path in self._recipe]
            arguments = {"BASE_IMAGE": base, "PYTHON": self._packages.guest.python}
            engine.build(tar_stream([*sources, ("env", environment)]), self.image, arguments, progress)

    def remove(self, progress: Progress) -> None:
        """The images and what is left of containers. The packages are shared, and stay."""
        from sandbox.jail.engine import IMAGE_LABEL, explained  # noqa: PLC0415

        with _connect(_address()) as engine, explained("removing the image"):
            for container in engine.containers(JOB_LABEL):
                progress(f"removing the container {container['Id'][:12]}")
                engine.remove_container(container["Id"])
            for tag in engine.made_images(IMAGE_LABEL):
                progress(f"removing the image {tag}")
                engine.api.remove_image(tag, force=True)

    def hardening(self, spec: JailSpec) -> tuple[tuple[str, str], ...]:
        return tuple((row.flag, row.reason) for row in flags(spec, self._runtime))

    def start(self, spec: JailSpec) -> RunningJail:
        if spec.uid == 0 or spec.gid == 0:
            raise messages.error("jail.root")
        engine = _connect(_address())
        try:
            return self._start(engine, spec)
        except BaseException:
            # Interrupted or refused: whatever of it exists carries the job's label.
            with suppress(Exception):
                for container in engine.containers(f"{JOB_LABEL}={spec.job}"):
                    engine.remove_container(container["Id"])
            engine.api.close()
            raise

    def _start(self, engine: Engine, spec: JailSpec) -> RunningJail:
        from sandbox.jail.docker_run import RunningDocker, watched  # noqa: PLC0415
        from sandbox.jail.engine import explained  # noqa: PLC0415
        from sandbox.jail.sentry import end_leftovers  # noqa: PLC0415

        with explained("starting the jail"):
            if not engine.has_image(self.image):
                raise messages.error("docker.no_image")
            _reap(engine)
            body = request(flags(spec, self._runtime), self.image)
            created = engine.api.create_container_from_config(body)
            _refuse_weaker(created.get("Warnings") or [])
            # Attached first, so that no byte is lost and a killed controller is noticed from the first moment.
            stream = engine.attach(created["Id"])
            try:
                engine.api.start(created["Id"])
                watch = None
                if self._runtime == GVISOR:
                    watch = watched(engine, created["Id"], spec.limits.memory + SENTRY_MEMORY)
                return RunningDocker(engine, created["Id"], spec.job, stream, _limits(spec, watch), watch)
            except BaseException:
                stream.close()
                if self._runtime == GVISOR:
                    end_leftovers(created["Id"])
                raise

    def _base(self, engine: Engine, progress: Progress, offline: bool) -> str:
        guest = self._packages.guest
        if engine.has_image(guest.local_base):
            return guest.local_base
        if not engine.has_image(guest.base_image):
            if offline:
                raise messages.error("docker.no_base", image=guest.base_image)
            engine.pull(guest.base_image, progress)
        return guest.base_image


def registered() -> tuple[str, ...]:
    """The engine's runtimes that have no jail of their own name; none when there is no engine to ask."""
    socket = _socket()
    if isinstance(socket, Readiness):
        return ()
    try:
        with _connect(socket) as engine:
            info = engine.api.info()
    except Exception:  # the SDK raises many things; the row of the docker jail says what is wrong
        return ()
    known = {info.get("DefaultRuntime"), "runc", GVISOR}
    return tuple(name for name in sorted(info.get("Runtimes", {})) if name not in known and "." not in name)


def _connect(url: str) -> Engine:
    from sandbox.jail.engine import connect  # noqa: PLC0415 - see engine's docstring

    return connect(url)


def _address() -> str:
    """The engine's address. Raises UnpreparedError when there is none that can be used."""
    found = _socket()
    if isinstance(found, Readiness):
        raise messages.error("docker.unusable", why=found.why, fix=found.fix)
    return found


def _socket() -> str | Readiness:
    """DOCKER_HOST, the system's socket, the user's own (rootless); or why none of them can be used."""
    named = os.environ.get("DOCKER_HOST", "")
    if named and not named.startswith("unix://"):
        why = f"the engine at {named} is not on this machine, so it can't be given the model's file"
        return _unusable(why, "unset DOCKER_HOST")
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "docker.sock"
    candidates = [Path(named.removeprefix("unix://"))] if named else [_SYSTEM_SOCKET, own]
    there = [path for path in candidates if os.access(path, os.F_OK)]
    usable = [path for path in there if os.access(path, os.W_OK)]
    if usable:
        return f"unix://{usable[0]}"
    if there:
        why = f"you may not use {there[0]} (those who may, the docker group, are as good as root)"
        return _unusable(why, "sudo usermod -aG docker $USER && newgrp docker")
    if named:
        return _unusable(f"there is no Docker engine at {named}, which DOCKER_HOST names", "unset DOCKER_HOST")
    if shutil.which("dockerd"):
        return _unusable("the Docker engine is not running", "sudo systemctl start docker")
    return _unusable("there is no Docker engine", "sudo apt-get install docker.io")


def _unusable(why: str, fix: str) -> Readiness:
    return Readiness("", False, False, why=why, fix=fix)


def _named(readiness: Readiness, name: str) -> Readiness:
    return Readiness(name, readiness.works, readiness.prepared, readiness.version, readiness.why, readiness.fix)


def _judge(name: str, info: dict[str, Any], runtime: str | None, has_image: bool) -> Readiness:
    """What the engine says of itself -> whether a jail of the promised strength can be made."""
    version = engine_version = str(info.get("ServerVersion", ""))
    if runtime == GVISOR:
        version = _gvisor_version(info) or version
    options = " ".join(info.get("SecurityOptions") or ())
    table = (
        (info.get("OSType") == "linux", "the engine makes no Linux containers", "switch it to Linux containers"),
        (info.get("Architecture") == "x86_64", "only x86-64 engines are supported", "use another machine"),
        (
            _numbers(engine_version) >= _LEAST_VERSION,
            f"Docker {engine_version} is too old, it takes 20.10",
            "upgrade Docker",
        ),
        ("seccomp" in options, "the engine's kernel has no seccomp", "use a kernel with CONFIG_SECCOMP_FILTER"),
        (
            bool(info.get("MemoryLimit") and info.get("PidsLimit")),
            "the engine can't limit memory and processes (no cgroups are delegated to it)",
            "boot with systemd.unified_cgroup_hierarchy=1, or use the engine that root runs",
        ),
        (
            not runtime or runtime in info.get("Runtimes", {}),
            f"the engine has no runtime {runtime}",
            _REGISTER.get(runtime or "", _REGISTER[""]).format(runtime=runtime),
        ),
        (
            runtime == GVISOR or not _is_gvisor(info, runtime),
            f"the engine's runtime {runtime or info.get('DefaultRuntime')} is gVisor, whose jail has a name of its own",
            f"use --jail gvisor, with gVisor registered under the name {GVISOR}",
        ),
    )
    for holds, why, fix in table:
        if not holds:
            return Readiness(name, False, False, version, why, fix)
    if not has_image:
        fix = f"sandbox-load setup --jail {name.partition('+')[0]}"
        return Readiness(name, True, False, version, "its image is not built", fix)
    return Readiness(name, True, True, version)


def _is_gvisor(info: dict[str, Any], runtime: str | None) -> bool:
    """By the program that the engine runs, whatever name it is registered under; None is the engine's own runtime."""
    row = info.get("Runtimes", {}).get(runtime or info.get("DefaultRuntime"), {})
    program = row.get("path") or row.get("runtimeType") or ""
    return "runsc" in program.rpartition("/")[2]


def _gvisor_version(info: dict[str, Any]) -> str:
    program = info.get("Runtimes", {}).get(GVISOR, {}).get("path") or GVISOR
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return (said.splitlines() or [""])[0].removeprefix("runsc version ")


def _numbers(version: str) -> tuple[int, ...]:
    """20.10.24+dfsg1 -> (20, 10)"""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def _reap(engine: Engine) -> None:
    for container in engine.containers(JOB_LABEL):
        if container["State"] == "created" and time.time() - container["Created"] > _STALE_SECONDS:
            engine.remove_container(container["Id"])


def _refuse_weaker(warnings: list[str]) -> None:
    for warning in warnings:
        if _HARMLESS_WARNING not in warning:
            raise messages.error("docker.weaker", why=warning)


def _limits(spec: JailSpec, watch: MemoryWatch | None) -> tuple[Limit, ...]:
    limits = spec.limits
    memory = processes = cpu = "cgroup, by Docker"
    if watch:
        memory, cpu = watch.limits()
        processes = "the supervisor, which traces every start of one"
    return (
        Limit("memory", limits.memory, "bytes", memory),
        Limit("processes", limits.processes, "", processes),
        Limit("cpu", int(min(limits.cpus, os.cpu_count() or 1) * 1000), "thousandths", cpu),
        Limit("tmp", limits.tmp, "bytes", "size of each tmpfs"),
        Limit("file size", limits.file_size, "bytes", "RLIMIT_FSIZE"),
        Limit("open files", limits.open_files, "", "RLIMIT_NOFILE"),
    )
