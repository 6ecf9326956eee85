"""What a jail is told, and what it may use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from guest.load.exercise import SECONDS
from guest.order import Order

from sandbox.bundle import find
from sandbox.errors import CallerError
from sandbox.jail import family
from sandbox.jail.interface import HOME, MODEL, JailSpec, Mounted
from sandbox.judge import classes
from sandbox.order import Asked, limits_for, order, total_cap, variables, wall_seconds
from sandbox.planted import Secrets
from sandbox.policy import Policy, load
from sandbox.stage import Staged, stage
from sandbox.untrusted import wire
from tests.judge.rows import RULES

MEMBERS = {jail.name: jail for jail in family.members()}
GIB = 1 << 30


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load("evaluate", find().configs)


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Staged]:
    path = tmp_path / "Model.PT"
    path.write_bytes(b"\x80\x04K\x01.")
    with stage(path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def ram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * GIB))


def sized(staged: Staged, size: int, head: bytes) -> Staged:
    """The same file, as if it were bigger."""
    return replace(staged, files=(replace(staged.files[0], size=size, head=head),))


def test_a_file_that_can_not_be_mapped_takes_memory_by_its_size(policy: Policy, staged: Staged) -> None:
    limits = limits_for(policy, sized(staged, GIB, b"\x80\x04"), None)
    assert limits.memory == 2 * GIB + int(2.2 * GIB)


def test_a_file_that_can_be_mapped_takes_none(policy: Policy, staged: Staged) -> None:
    limits = limits_for(policy, sized(staged, 100 * GIB, b"PK\x03\x04"), None)
    assert limits.memory == 2 * GIB
    assert limits.address_space == 2 * GIB + 100 * GIB + policy.limits.address_space_base


def test_the_users_own_size_stands(policy: Policy, staged: Staged) -> None:
    assert limits_for(policy, staged, 3 * GIB).memory == 3 * GIB


@pytest.mark.parametrize("memory", [None, 7 * GIB])
def test_more_than_three_quarters_of_the_machine_is_refused_up_front(
    policy: Policy, staged: Staged, memory: int | None
) -> None:
    with pytest.raises(CallerError, match=r"needs \d\.\d GiB and this machine gives a jail 6\.0 GiB; use --static"):
        limits_for(policy, sized(staged, 3 * GIB, b"\x80\x04"), memory)


def test_less_than_a_jail_can_live_on_is_refused_up_front(policy: Policy, staged: Staged) -> None:
    with pytest.raises(CallerError, match="a jail of 1 MiB can't start; give it 64 MiB or more"):
        limits_for(policy, staged, 1 << 20)


def test_exactly_three_quarters_is_given(policy: Policy, staged: Staged) -> None:
    assert limits_for(policy, staged, 6 * GIB).memory == 6 * GIB


def test_the_time_grows_with_the_file(policy: Policy, staged: Staged) -> None:
    assert wall_seconds(policy, sized(staged, 50_000_000, b"")) == pytest.approx(121.0)


def test_the_time_grows_with_what_the_user_waits_for(policy: Policy, staged: Staged) -> None:
    plain = wall_seconds(policy, staged)
    assert wall_seconds(policy, staged, 30.0) == plain + 30
    assert wall_seconds(policy, staged, exercise=True) == plain + policy.limits.linger + SECONDS
    assert wall_seconds(policy, staged, 30.0, exercise=True) == plain + 60 + SECONDS


def test_the_output_may_be_four_times_the_input_and_a_gibibyte(policy: Policy, staged: Staged) -> None:
    assert total_cap(policy, sized(staged, 1000, b"")) == 4000 + GIB


def test_the_jails_environment_holds_nothing_of_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    assert variables() == {"HOME": HOME, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def told(
    policy: Policy, staged: Staged, jail: Any, layers: tuple[Mounted, ...] = (), **asked: Any
) -> tuple[dict[str, Any], Secrets]:
    spec = JailSpec(
        models={"0123456789abcdef": staged.path},
        code=Path("/nowhere"),
        hostname="node-1",
        uid=1000,
        gid=1001,
        limits=limits_for(policy, staged, None),
        variables=variables(),
        syscalls=policy.syscalls.wall_one,
        job="job",
        layers=layers,
    )
    planted = Secrets(policy.persona)
    wanted = Asked(**{"load": True, "returned": False, "wall": 60.0, "linger": 2.0} | asked)
    raw = order(policy, staged, jail, spec, planted, wanted, classes(RULES))
    ((kind, payload),) = wire.Decoder().feed(raw)
    assert kind is wire.Kind.ORDER
    return json.loads(payload), planted


def test_the_guest_understands_the_order(policy: Policy, staged: Staged) -> None:
    content, planted = told(policy, staged, MEMBERS["bubblewrap"])
    guest = Order(**content)
    assert [tuple(row) for row in guest.files] == [(f"{MODEL}/0123456789abcdef", "model.pt")]
    assert not guest.folder
    assert guest.variables.items() >= planted.variables.items()
    assert [tuple(row) for row in guest.decoys] == planted.files
    assert (guest.belongings, guest.secrets) == ([], planted.values)
    assert guest.read["output_bytes"] == total_cap(policy, staged)
    assert guest.rlimits["CORE"] == 0
    reader = json.loads(guest.for_reader())
    assert (guest.uid, guest.gid) == (reader["uid"], reader["gid"]) == (1000, 1001)
    assert reader["files"] == json.loads(guest.for_loader("trace"))["files"] == [list(row) for row in guest.files]
    assert guest.promised["tmpfs /tmp"] == policy.limits.tmp
    assert {guest.promised[name] for name in ("writable /", f"writable {guest.files[0][0]}", "rlimit CORE")} == {0}
    assert guest.allowance == policy.watch.cpu_base + policy.watch.cpu_per_byte * staged.size
    loader = json.loads(guest.for_loader("trace"))
    assert loader["rlimits"] == guest.rlimits
    assert (guest.linger, loader["exercise"], loader["clock"]) == (2.0, False, 0.0)


def test_the_loader_alone_is_told_of_the_layers(policy: Policy, staged: Staged) -> None:
    layer = Mounted("/layers/x", Path("/nowhere"), frozenset({"x", "x.part"}))
    content, _ = told(policy, staged, MEMBERS["docker"], layers=(layer,))
    guest = Order(**content)
    assert json.loads(guest.for_loader("notify"))["layers"] == ["/layers/x"]
    assert "/layers/x" not in guest.for_reader().decode()
    assert guest.frameworks == [*policy.frameworks, "x", "x.part"]
    assert guest.promised["writable /layers/x"] == 0


def test_the_loader_is_told_what_it_is_put_through(policy: Policy, staged: Staged) -> None:
    asked = {"linger": 30.0, "exercise": True, "clock": -86400.0}
    guest = Order(**told(policy, staged, MEMBERS["bubblewrap"], **asked)[0])
    loader = json.loads(guest.for_loader("notify"))
    assert (guest.linger, loader["exercise"], loader["clock"]) == (30.0, True, -86400.0)


@pytest.mark.parametrize("persona", ["ci", "gpu-vm", "laptop", "notebook"])
def test_an_order_with_a_whole_home_fits_into_its_frame(persona: str, staged: Staged) -> None:
    content, planted = told(load("detonate", find().configs, persona), staged, MEMBERS["docker"])
    assert len(json.dumps(content)) < wire.MAX_PAYLOAD // 4
    assert [tuple(row) for row in Order(**content).belongings] == planted.home
    assert planted.home


def test_a_persona_has_no_word_in_what_a_load_is_started_with(staged: Staged, policy: Policy) -> None:
    forged = replace(policy.persona, variables={"HOME": "/", "PATH": "/tmp", "OMP_NUM_THREADS": "9"})
    content, _ = told(replace(policy, persona=forged), staged, MEMBERS["bubblewrap"])
    assert content["variables"].items() >= (variables() | {"OMP_NUM_THREADS": "1"}).items()


@pytest.mark.parametrize(("cpus", "given"), [(1, 1.0), (2, 2.0), (16, 2.0)])
def test_a_persona_lowers_the_cpus_and_never_raises_them(
    cpus: int, given: float, policy: Policy, staged: Staged
) -> None:
    assert limits_for(replace(policy, persona=replace(policy.persona, cpus=cpus)), staged, None).cpus == given


def test_the_name_that_the_user_gave_stays_on_the_host(policy: Policy, staged: Staged) -> None:
    content, _ = told(policy, staged, MEMBERS["bubblewrap"])
    assert "Model" not in json.dumps(content)


def test_processes_are_counted_by_rlimit_only_where_they_are_the_jails_alone(policy: Policy, staged: Staged) -> None:
    assert "NPROC" in told(policy, staged, MEMBERS["bubblewrap"])[0]["rlimits"]
    assert "NPROC" not in told(policy, staged, MEMBERS["docker"])[0]["rlimits"]


def test_nothing_is_preloaded_when_nothing_is_loaded(policy: Policy, staged: Staged) -> None:
    zipped = sized(staged, staged.size, b"PK\x03\x04")
    assert told(policy, zipped, MEMBERS["bubblewrap"])[0]["preload"] == ["torch"]
    assert told(policy, zipped, MEMBERS["bubblewrap"], load=False)[0]["preload"] == []
