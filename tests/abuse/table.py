"""All rows of the suite, by room. The numbers are those of the reviewers' list; what goes beyond it has its own prefix.

B: what a reviewer broke. B2: what breaks a naive build. G: a hostile guest. H: a hostile host. F: floods.
K: a loader that knows this source.
"""

from __future__ import annotations

from types import ModuleType

from tests.abuse import (
    acts_egress,
    acts_escape,
    acts_evasion,
    acts_kernel,
    acts_knowing,
    acts_resources,
    acts_silent,
    cases_bombs,
    cases_channel,
    cases_egress,
    cases_escape,
    cases_evasion,
    cases_floods,
    cases_host,
    cases_knowing,
    cases_output,
    cases_resources,
)
from tests.abuse.case import Case, Limit, Load, Row

# Each may hold LOADS, CASES and LIMITS.
ROOMS: tuple[ModuleType, ...] = (
    acts_resources,
    acts_silent,
    cases_resources,
    cases_bombs,
    acts_escape,
    acts_kernel,
    cases_escape,
    acts_egress,
    cases_egress,
    acts_evasion,
    cases_evasion,
    acts_knowing,
    cases_knowing,
    cases_floods,
    cases_output,
    cases_channel,
    cases_host,
)
# Each load is one jail. A room's acts stand in one load unless they get in each other's way.
LOADS: tuple[Load, ...] = tuple(load for room in ROOMS for load in getattr(room, "LOADS", ()))
CASES: tuple[Case, ...] = tuple(case for room in ROOMS for case in getattr(room, "CASES", ()))
LIMITS: tuple[Limit, ...] = tuple(limit for room in ROOMS for limit in getattr(room, "LIMITS", ()))
ROWS: tuple[Row, ...] = (*(act for load in LOADS for act in load.acts), *CASES, *LIMITS)


def order(row: Row) -> tuple[str, int, str]:
    """Numbers first, as numbers; then the prefixed ones."""
    prefix, _, number = row.number.rpartition(".")
    return (prefix, int(number), row.title)


def jails_of(row: Row, every: tuple[str, ...]) -> tuple[str, ...]:
    """Where the row runs, of the jails that are there."""
    own = row.jails if isinstance(row, Case) else ()
    return tuple(jail for jail in own if jail in every or jail == "none") if own else every
