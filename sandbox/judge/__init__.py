"""Facts -> findings -> verdict. Pure: what is dangerous stands in tables, and the tables are data."""

from sandbox.judge.comparison import compare
from sandbox.judge.dynamic import classes
from sandbox.judge.own import with_own
from sandbox.judge.rules import Rules, parse_rules
from sandbox.judge.verdict import judge

__all__ = ["Rules", "classes", "compare", "judge", "parse_rules", "with_own"]
