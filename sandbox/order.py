"""What a jail is told: the policy and the input as the ORDER frame, the limits. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from sandbox import messages
from sandbox.jail.interface import HOME, Jail, JailSpec, Limits
from sandbox.planted import Secrets
from sandbox.policy import Policy
from sandbox.stage import Staged
from sandbox.untrusted import wire

_GIB = 1 << 30
_MIB = 1 << 20
_LEAST_MEMORY = 64  # MiB; PID 1 and the reader take half of it before they have read a byte
_EXERCISE = 10.0  # seconds; images/guest/load/exercise.py begins nothing after as many
# One thread each: a pool that starts at import would be a pool that nobody armed.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def limits_for(policy: Policy, staged: Staged, memory: int | None) -> Limits:
    """The jail's limits for this input. `memory` is the user's own wish, in bytes.

    Raises CallerError when the machine can't give what the load needs, or no jail could live on it.
    """
    rules = policy.limits
    if memory is not None and memory < _LEAST_MEMORY * _MIB:
        raise messages.error("memory.least", asked=memory / _MIB, least=_LEAST_MEMORY)
    needed = memory or rules.memory_base + int(rules.memory_per_byte * staged.held)
    most = int(rules.memory_share_of_ram * psutil.virtual_memory().total)
    if needed > most:
        raise messages.error("memory", needed=needed / _GIB, most=most / _GIB)
    return Limits(
        memory=needed,
        address_space=needed + staged.size + rules.address_space_base,
        processes=rules.processes,
        tmp=rules.tmp,
        file_size=rules.file_size,
        open_files=rules.open_files + len(staged.files),
        cpus=min(rules.cpus, policy.persona.cpus),
    )


def wall_seconds(policy: Policy, staged: Staged, linger: float | None = None, *, exercise: bool = False) -> float:
    """How long an evaluation of this input may take. `linger`: the user's own, which an exercise takes once more."""
    rules = policy.limits
    exercising = _EXERCISE + (linger or rules.linger) if exercise else 0.0
    return rules.wall_base + rules.wall_per_byte * staged.size + (linger or 0.0) + exercising


def variables() -> dict[str, str]:
    """The environment of PID 1 and, with the decoys, of the loader."""
    return {"HOME": HOME, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Asked:
    """What the user wants of this run. Times in seconds; `clock`: how far the load's clock is off."""

    load: bool
    returned: bool
    wall: float
    linger: float
    exercise: bool = False
    clock: float = 0.0


def order(
    policy: Policy,
    staged: Staged,
    jail: Jail,
    spec: JailSpec,
    planted: Secrets,
    asked: Asked,
    classes: Sequence[dict[str, Any]],
) -> bytes:
    """The ORDER frame. `classes`: what the judge tells apart among events."""
    limits = spec.limits
    told = {
        "files": list(map(list, zip(spec.places, _names(staged), strict=True))),
        "folder": staged.is_folder,
        "load": asked.load,
        "returned": asked.returned,
        "preload": list(staged.preload) if asked.load else [],
        "layers": [layer.place for layer in spec.layers],
        "frameworks": [*policy.frameworks, *sorted({name for layer in spec.layers for name in layer.modules})],
        "read": asdict(policy.read) | {"output_bytes": total_cap(policy, staged)},
        "watch": asdict(policy.watch),
        "rlimits": _rlimits(limits, jail),
        "uid": spec.uid,
        "gid": spec.gid,
        "processes": limits.processes,
        "promised": jail.promises(spec),
        "memory": limits.memory,
        "allowance": policy.watch.cpu_base + policy.watch.cpu_per_byte * staged.size,
        "wall": asked.wall,
        "linger": asked.linger,
        "exercise": asked.exercise,
        "clock": asked.clock,
        "home": HOME,
        "variables": planted.variables | variables() | dict.fromkeys(_ONE_THREAD, "1"),
        "decoys": planted.files,
        "belongings": planted.home,
        "secrets": planted.values,
        "classes": list(classes),
    }
    return wire.frame(wire.Kind.ORDER, json.dumps(told | _calls(policy)).encode("ascii"))


def _names(staged: Staged) -> list[str]:
    """What the jail is told of the files' names: of a single one its extension, since more is nobody's business."""
    return [file.name for file in staged.files] if staged.is_folder else [f"model{staged.files[0].extension}"]


def _rlimits(limits: Limits, jail: Jail) -> dict[str, int]:
    """Of the loader, by the kernel's names."""
    rlimits = {"AS": limits.address_space, "CORE": 0, "FSIZE": limits.file_size, "NOFILE": limits.open_files}
    return rlimits | ({"NPROC": limits.processes} if jail.counts_its_own_processes else {})


def _calls(policy: Policy) -> dict[str, Any]:
    """What goes on, what is watched, and what a freedom makes of that."""
    calls = policy.syscalls
    followed = calls.followed if "programs" in policy.freedoms else ()
    watched = [(row.kind, list(row.calls), row.answer) for row in calls.watch]
    return {
        "allowed": [name for name in calls.load if name not in followed],
        "confined": list(calls.reader),
        "absent": list(calls.absent),
        "watched": [*watched, ("process.exit", list(followed), "continue")],
        "freedoms": sorted(policy.freedoms),
        "free": sorted(name for freedom in policy.freedoms for name in calls.free[freedom]),
    }


def total_cap(policy: Policy, staged: Staged) -> int:
    """Bytes of output that this input may ask for."""
    return int(policy.write.total_per_byte * staged.size) + policy.write.total_base
