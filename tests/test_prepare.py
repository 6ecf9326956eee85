"""`setup` and its undoing, with real jails over small packages of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import prepare
from sandbox.errors import UnpreparedError
from sandbox.jail.bubblewrap import Bubblewrap
from sandbox.jail.docker import Docker
from tests.jail.test_packages import Case

IMAGES = Path(__file__).resolve().parents[1] / "images"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")


@pytest.mark.jail
@pytest.mark.one_jail
@pytest.mark.usefixtures("without_engine")
def test_auto_prepares_the_lightest_and_undoes_it(case: Case) -> None:
    jails = (Docker(case.packages, IMAGES), Bubblewrap(case.packages))
    prepare.setup("auto", case.said.append, wheels=case.wheels, offline=True, jails=jails)
    assert case.packages.ready()
    assert case.said[-1] == "the bubblewrap jail is ready"
    prepare.setup("auto", case.said.append, jails=jails)  # does nothing more, and needs no index

    case.said.clear()
    prepare.remove("auto", case.said.append, jails=jails)
    assert case.packages.ready() is None
    assert any("nothing of docker is removed" in said for said in case.said)


@pytest.mark.usefixtures("without_engine")
def test_a_jail_that_can_not_work_here_is_never_replaced_by_another(case: Case) -> None:
    jails = (Docker(case.packages, IMAGES), Bubblewrap(case.packages))
    with pytest.raises(UnpreparedError, match="DOCKER_HOST"):
        prepare.setup("docker", case.said.append, jails=jails)
    assert case.packages.ready() is None
    with pytest.raises(UnpreparedError, match="DOCKER_HOST"):
        prepare.remove("docker", case.said.append, jails=jails)


def test_removing_what_was_never_made_is_fine(case: Case) -> None:
    prepare.remove("bubblewrap", case.said.append, jails=(Bubblewrap(case.packages),))
    assert case.said == []
