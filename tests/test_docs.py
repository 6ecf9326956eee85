"""The documents say what the program does: options, exit codes, verdicts, labels, formats, limits, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from guest.readers import refused

from sandbox import cli
from sandbox.facts import EXIT_OF, Exit, Label, Verdict
from sandbox.jail import family
from sandbox.judge import with_own
from tests.judge.rows import RULES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md")
FOREIGN = {"--platform", "--network", "--ignore-cgroups"}  # gVisor's
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
COMMANDS = {"MODEL": [], "setup": ["setup"], "doctor": ["doctor"], "verify": ["verify"]}


def section(heading: str) -> str:
    """A section of the README, without those that follow."""
    found = re.search(rf"^(#+) {heading}.*?$(.*?)(?=^#|\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[2]


def first_cells(text: str) -> list[str]:
    """What stands in the first column of its tables, headings aside."""
    rows = re.findall(r"^\| *(.+?) *\|", text, re.MULTILINE)
    return [row for row in rows if not row.startswith("---")]


def rows_of(text: str, words: set[str]) -> dict[str, str]:
    """Its table rows whose first cell is one of the words, in backquotes or not."""
    rows = re.findall(r"^\| *`?([\w ]+?)`? *\|(.*)\|$", text, re.MULTILINE)
    return {first: rest for first, rest in rows if first in words}


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.run([*words, "--help"]) == Exit.QUIET
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_has_exactly_the_options_ofhelp_of(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = help_of(COMMANDS[command], capsys).partition("\noptions:")[2]
    documented = {word for cell in first_cells(section(f"sandbox-load {command}")) for word in OPTION.findall(cell)}
    assert documented == set(OPTION.findall(told)) - {"--help"}


def test_the_readmes_rules_of_ones_own_are_rules() -> None:
    (table,) = re.findall(r"^```toml$(.*?)^```$", section("Your own rules"), re.MULTILINE | re.DOTALL)
    rules = with_own(RULES, "README.md", tomllib.loads(table))
    assert [row.id for row in rules.added] == ["acme.lock"]
    assert [row.rule for row in rules.silences] == ["global.unknown.called"]


def test_every_option_named_anywhere_in_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    known = {option for words in COMMANDS.values() for option in OPTION.findall(help_of(words, capsys))}
    assert set(OPTION.findall(README)) - FOREIGN <= known


def test_the_exit_codes_are_those_of_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    codes = {str(code.value) for code in Exit}
    rows = rows_of(README, codes)
    assert rows.keys() == codes
    told = help_of([], capsys).partition("exit codes:")[2]
    for verdict, code in EXIT_OF.items():
        assert [number for number, meaning in rows.items() if verdict in meaning] == [str(code.value)]
        assert re.search(rf"(?<!\d){code.value} [^\d]*{verdict}", told)


def test_the_readme_explains_every_verdict() -> None:
    words = {verdict.value for verdict in Verdict}
    assert rows_of(section("What a verdict means"), words).keys() == words


def test_the_readme_says_what_watches_in_every_jail(capsys: pytest.CaptureFixture[str]) -> None:
    rows = re.findall(r"^\| `([\w -]+)` \| `(\w+)`", section("Supported combinations"), re.MULTILINE)
    assert {jail.partition(" ")[0] for jail, _ in rows} == {*family.NAMES} - {family.AUTO}
    assert {observer for _, observer in rows} == {"notify", "trace"}
    assert all((ROOT / "images/guest/observers" / f"{observer}.py").exists() for _, observer in rows)
    jails = help_of([], capsys).partition("--jail {")[2].partition("}")[0]
    assert tuple(jails.split(",")) == family.NAMES


def test_the_readme_explains_every_label() -> None:
    words = {label.value for label in Label}
    assert rows_of(section("What you get"), words).keys() == words


def test_the_readme_names_every_format_that_is_refused() -> None:
    titles = {title for _, title, _, _ in refused._MAGICS} | {title for _, _, title in refused._TESTS}
    titles |= set(refused.ARCHIVES.values())
    listed = " ".join(section("Formats").split())
    kinds = {title for title in titles if "-compressed" not in title}
    assert {title for title in kinds if title not in listed} == set()
    compressed = {title.partition("-")[0] for title in titles - kinds}
    assert {name for name in compressed if f"{name}-" not in listed} == set()


def test_every_limit_that_the_readme_names_is_in_the_policy() -> None:
    tables = tomllib.loads((ROOT / "configs/policies/evaluate.toml").read_text(encoding="utf-8"))
    keys = {key for table in tables.values() if isinstance(table, dict) for key in table}
    named = {word for cell in first_cells(section("Limits")) for word in re.findall(r"`(\w+)`", cell)}
    assert named
    assert named <= keys


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target}
    quoted = set(re.findall(r"`((?:sandbox|images|configs|docs|scripts|bench|tests)/[\w./-]*)`", text))
    assert {path for path in linked | quoted if path and not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_within_a_document_has_its_heading(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
