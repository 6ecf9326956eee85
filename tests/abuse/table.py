"""All rows of the suite, by room. The numbers are those of the reviewers' list; what goes beyond it has its own prefix.

B2: what breaks a naive build. G: a hostile guest. H: a hostile host. F: floods.
"""

from __future__ import annotations

from tests.abuse import acts_egress, acts_escape, acts_kernel, acts_resources, cases_egress
from tests.abuse.case import Case, Limit, Load, Row

# Each load is one jail. A room's acts stand in one load unless they get in each other's way.
LOADS: tuple[Load, ...] = (*acts_resources.LOADS, *acts_escape.LOADS, *acts_kernel.LOADS, *acts_egress.LOADS)
CASES: tuple[Case, ...] = (*cases_egress.CASES,)
LIMITS: tuple[Limit, ...] = (*acts_kernel.LIMITS, *acts_egress.LIMITS)
ROWS: tuple[Row, ...] = (*(act for load in LOADS for act in load.acts), *CASES, *LIMITS)


def order(row: Row) -> tuple[str, int, str]:
    """Numbers first, as numbers; then the prefixed ones."""
    prefix, _, number = row.number.rpartition(".")
    return (prefix, int(number), row.title)


def jails_of(row: Row, every: tuple[str, ...]) -> tuple[str, ...]:
    """Where the row runs, of the jails that are there."""
    own = row.jails if isinstance(row, Case) else ()
    return tuple(jail for jail in own if jail in every or jail == "none") if own else every
