"""The page of the rules says what the tables say."""

from tests.judge.document import PATH, page


def test_the_page_is_that_of_the_tables() -> None:
    assert PATH.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.judge.document"
