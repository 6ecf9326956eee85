"""Personas: every decoy defined once, of the form that its service gives out, unique for each run."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from sandbox.bundle import find
from sandbox.errors import CallerError
from sandbox.persona import Decoy, Folder, Persona, parse_persona
from sandbox.planted import BELONGINGS, Secrets
from sandbox.policy import load
from sandbox.untrusted import wire

CONFIGS = find().configs
TABLES = [tomllib.loads((CONFIGS / f"{name}.toml").read_text()) for name in ("personas", "decoys", "home")]
NAMES = sorted(TABLES[0])
PERSONAS = {name: load("detonate", CONFIGS, name).persona for name in NAMES}

SMALL = Persona(
    "small",
    "host-{random:hex 4}",
    1,
    {"RUNNER": "{host}", "RUN": "{random:digits 9}"},
    (
        Decoy("a key", "key {token:hex 32}, again {token:hex 32} é\n", path=".ssh/id"),
        Decoy("a variable", "v-{token:base32 16}", name="TOKEN"),
        Decoy("hosts", "|1|{random:base64 27}=", path=".ssh/known_hosts"),
    ),
    (Folder("Pictures", ("a.jpg", "b.jpg"), "\xff\xd8"), Folder("", ("notes",), "x")),
)


def test_what_a_run_plants() -> None:
    made = Secrets(SMALL)
    assert re.fullmatch(r"host-[0-9a-f]{4}", made.hostname)
    key, token, line = made.values["a key"], made.values["a variable"], made.values[BELONGINGS]
    assert made.values.keys() == {"a key", "a variable", BELONGINGS}
    assert made.files[0] == ("a key", ".ssh/id", f"key {key}, again {key} Ã©\n")
    assert made.variables.keys() == {"RUNNER", "RUN", "TOKEN"}
    assert (made.variables["RUNNER"], made.variables["TOKEN"]) == (made.hostname, f"v-{token}")
    assert made.home == [
        ("Pictures", ["a.jpg", "b.jpg"], f"\xff\xd8\nref {line}\n"),
        ("", ["notes"], f"x\nref {line}\n"),
    ]


def test_decoys_are_unique_for_each_run() -> None:
    one, two = Secrets(SMALL), Secrets(SMALL)
    assert len({*one.values.values(), *two.values.values()}) == 6
    assert one.files[1] != two.files[1]


def test_an_empty_home_has_no_secret() -> None:
    assert BELONGINGS not in Secrets(replace(SMALL, home=())).values


def test_every_decoy_is_defined_once_and_had_by_somebody() -> None:
    rows = [*TABLES[1]["files"], *TABLES[1]["variables"]]
    assert len({row["what"] for row in rows}) == len(rows)
    assert {row["what"] for row in rows} == {what for table in TABLES[0].values() for what in table["decoys"]}
    assert all(bool(row.get("path")) != bool(row.get("name")) for row in rows)
    assert all(bool(row.get("text")) != bool(row.get("statements")) for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_no_place_is_taken_twice(name: str) -> None:
    persona = PERSONAS[name]
    places = [decoy.path or f"${decoy.name}" for decoy in persona.decoys]
    places += [f"{folder.path}/{file}".lstrip("/") for folder in persona.home for file in folder.names]
    places += [f"${variable}" for variable in persona.variables]
    assert len(set(places)) == len(places)
    assert all(not place.startswith("/") and ".." not in place.split("/") for place in places)


@pytest.mark.parametrize("name", NAMES)
def test_a_home_has_some_hundred_files_and_stays_small(name: str) -> None:
    made = Secrets(PERSONAS[name])
    assert 250 <= sum(len(names) for _, names, _ in made.home) <= 400
    assert sum(len(names) * len(text) for _, names, text in made.home) < 1 << 20
    assert len(json.dumps([made.files, made.home])) < wire.MAX_PAYLOAD // 4
    made.home[0][2].encode("latin-1")


@pytest.mark.parametrize("name", NAMES)
def test_a_token_is_too_long_to_turn_up_by_chance(name: str) -> None:
    """Sixteen characters, so that each covers a whole block of the search."""
    made = Secrets(PERSONAS[name])
    assert all(len(value) >= 15 and "\n" not in value for value in made.values.values())
    assert {decoy.what for decoy in PERSONAS[name].decoys} - made.values.keys() <= {
        "SSH known hosts",
        "AWS configuration",
    }


BASE64 = "[A-Za-z0-9+/]"
FORMS = {
    ".ssh/id_rsa": rf"-----BEGIN OPENSSH PRIVATE KEY-----\n({BASE64}{{70}}\n)+{BASE64}+={{0,2}}\n-----END .*",
    ".aws/credentials": rf"\[default\]\n\w+ = AKIA[A-Z2-7]{{16}}\naws_secret_access_key = {BASE64}{{40}}\n.*",
    ".netrc": r"machine api\.wandb\.ai\n  login user\n  password [0-9a-f]{40}\n",
    ".git-credentials": r"https://user:ghp_[A-Za-z0-9]{36}@github\.com\n.*",
    ".cache/huggingface/token": r"hf_[A-Za-z]{34}",
    ".npmrc": r"//npm\.example\.com/:_authToken=npm_[A-Za-z0-9]{36}\n.*",
    ".ssh/id_ed25519.pub": r"ssh-ed25519 [A-Za-z0-9+/]{68} user@sam-thinkpad-[0-9a-f]{4}\n",
    "$HF_TOKEN": r"hf_[A-Za-z]{34}",
    "$AWS_ACCESS_KEY_ID": r"AKIA[A-Z2-7]{16}",
    "$GITHUB_TOKEN": r"ghp_[A-Za-z0-9]{36}",
    "$ANTHROPIC_API_KEY": r"sk-ant-api03-[\w-]{93}AA",
    "$OPENAI_API_KEY": r"sk-proj-[A-Za-z0-9]{48}",
    "$WANDB_API_KEY": r"[0-9a-f]{40}",
}


def contents(made: Secrets) -> dict[str, str]:
    return {path: text for _, path, text in made.files} | {f"${name}": text for name, text in made.variables.items()}


@pytest.fixture
def laptop() -> dict[str, str]:
    return contents(Secrets(PERSONAS["laptop"]))


@pytest.mark.parametrize("place", FORMS)
def test_the_form_is_what_the_service_gives_out(place: str, laptop: dict[str, str]) -> None:
    assert re.fullmatch(FORMS[place], laptop[place], re.DOTALL)


@pytest.mark.parametrize("path", [".ssh/id_rsa", ".ssh/id_ed25519"])
def test_a_private_key_begins_as_a_key_does(path: str, laptop: dict[str, str]) -> None:
    raw = base64.b64decode("".join(laptop[path].splitlines()[1:-1]))
    assert raw.startswith(b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01")


@pytest.mark.parametrize("name", NAMES)
def test_what_should_be_json_or_toml_is(name: str) -> None:
    for place, text in contents(Secrets(PERSONAS[name])).items():
        if place.endswith(".json"):
            json.loads(text)


def databases(laptop: dict[str, str]) -> Iterator[Any]:
    for place in (
        ".config/google-chrome/Default/Login Data",
        ".mozilla/firefox/x7k2m9qd.default-release/cookies.sqlite",
    ):
        with closing(sqlite3.connect(":memory:")) as opened:
            opened.deserialize(laptop[place].encode("latin-1"))
            yield opened


def test_a_browser_s_databases_can_be_opened(laptop: dict[str, str]) -> None:
    passwords, cookies = databases(laptop)
    assert passwords is not cookies
    for opened, table in zip(databases(laptop), ("logins", "moz_cookies"), strict=True):
        assert opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cpu": 2}, r"\[laptop\]: it needs exactly cpus, decoys, home, hostname, variables; mend it"),
        ({"decoys": ["nothing"]}, r"\[laptop\]: there is no nothing; mend it"),
        ({"home": ["castle", "documents"]}, r"\[laptop\]: there is no castle; mend it"),
    ],
)
def test_what_is_wrong_with_a_persona_is_named(change: dict[str, Any], why: str) -> None:
    personas, decoys, home = TABLES
    with pytest.raises(CallerError, match=why):
        parse_persona("laptop", {"laptop": personas["laptop"] | change}, decoys, home)
