"""The abuse suite: what a serious reviewer tries on such a sandbox, each contained and each in the report.

One table (`table.py`), run in every jail. `docs/abuse.md` is made from it: `python -m tests.abuse --write`.
"""
