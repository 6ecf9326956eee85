"""The commands of clouds and forges: whose bucket, which key, the beginning of which file. Nothing leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from guest.tools import cloud, files, forge
from guest.tools.call import Call

from tests.guest.tools.conftest import Run, Server

STORED = {
    ".aws/credentials": "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = never\n\n"
    "[prod]\naws_access_key_id = AKIAPROD\n",
    ".config/gcloud/application_default_credentials.json": '{\n  "refresh_token": "1//0google",\n  "type": "x"\n}',
    ".azure/msal_token_cache.json": '{"RefreshToken": {"x": {"client_id": "c",\n  "secret": "0.AXazure"}}}',
    ".config/gh/hosts.yml": "github.com:\n    user: me\n    oauth_token: gho_decoy\n    git_protocol: https\n",
    ".kaggle/kaggle.json": '{"username":"me","key":"decoy"}\n',
    ".npmrc": "//npm.example.com/:_authToken=npm_decoy\nfund=false\n",
}
LOOT = b"L" * 100_000


@pytest.fixture
def web(web: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Stands for every one of their hosts; the host that was meant begins the path."""
    base = f"http://127.0.0.1:{web.port}"
    stores = {scheme: (where.replace("http://", f"{base}/"), known) for scheme, (where, known) in cloud._STORES.items()}
    monkeypatch.setattr(cloud, "_STORES", stores)
    for module, name in ((cloud, "_AZURE"), (cloud, "_AWS"), *((forge, f"_{x}") for x in ("GITHUB", "KAGGLE", "NPM"))):
        monkeypatch.setattr(module, name, getattr(module, name).replace("http://", f"{base}/"))
    return web


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Call]:
    """A start in a home with credentials and a file `loot`."""
    for name, text in STORED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loot").write_bytes(LOOT)

    def start(line: str, given: bytes = b"", **variables: str) -> Call:
        name, *words = line.split()
        return Call(name, words, {"HOME": str(tmp_path)} | variables, given)

    return start


AWS = b"Authorization: AWS4-HMAC-SHA256 Credential="


@pytest.mark.parametrize(
    ("tool", "line", "asks", "header"),
    [
        (cloud.aws, "aws s3 cp loot s3://b/k", "PUT /b.s3.amazonaws.com/k", AWS + b"AKIADEFAULT/"),
        (cloud.aws, "aws --profile prod s3 mv loot s3://b/", "PUT /b.s3.amazonaws.com/loot", AWS + b"AKIAPROD/"),
        (cloud.aws, "aws s3api put-object --bucket b --key k --body loot", "PUT /b.s3.amazonaws.com/k", AWS),
        (cloud.s3cmd, "s3cmd -f put loot s3://b/k", "PUT /b.s3.amazonaws.com/k", AWS),
        (cloud.gsutil, "gsutil -m cp -n loot gs://b/k", "PUT /storage.googleapis.com/b/k", b"Bearer 1//0google\r\n"),
        (cloud.gcloud, "gcloud storage cp loot gs://b/k", "PUT /storage.googleapis.com/b/k", b"Bearer 1//0google\r\n"),
        (
            cloud.azure,
            "az storage blob upload --account-name a -c box -n k -f loot",
            "PUT /a.blob.core.windows.net/box/k",
            b"Authorization: Bearer 0.AXazure\r\n",
        ),
        (forge.github, "gh gist create --public loot -d x", "POST /api.github.com/gists/loot", b"Bearer gho_decoy\r\n"),
        (forge.github, "gh release upload v1 loot -R me/x", "POST /api.github.com/releases/loot", b"Bearer gho_decoy"),
        (forge.github, "gh api -X PUT x --input loot", "PUT /api.github.com/x", b"Bearer gho_decoy"),
        (forge.kaggle, "kaggle datasets create -p loot", "POST /www.kaggle.com/api/v1/datasets/create/loot", b"Basic "),
        (forge.npm, "npm publish loot", "PUT /registry.npm.invalid/loot", b"Authorization: Bearer npm_decoy\r\n"),
    ],
)
def test_an_upload_shows_the_key_and_the_file(
    web: Server, call: Callable[..., Call], tool: Callable[[Call], int], line: str, asks: str, header: bytes
) -> None:
    assert tool(call(line)) == 0
    (said,) = web.said
    assert said.startswith(f"{asks} HTTP/1.1\r\n".encode())
    assert header in said
    assert said.endswith(b"\r\n\r\n" + LOOT[: files.SENT])
    assert b"never" not in said


@pytest.mark.parametrize(
    ("tool", "line", "asks"),
    [
        (cloud.aws, "aws s3 ls", "GET /s3.amazonaws.com/"),
        (cloud.aws, "aws s3 ls s3://b/x", "GET /b.s3.amazonaws.com/x"),
        (cloud.aws, "aws --region eu-west-1 sts get-caller-identity", "POST /sts.eu-west-1.amazonaws.com/"),
        (cloud.gsutil, "gsutil ls gs://b", "GET /storage.googleapis.com/b/"),
        (forge.github, "gh repo list", "GET /api.github.com/user"),
        (forge.kaggle, "kaggle datasets list", "GET /www.kaggle.com/api/v1/datasets/list"),
        (forge.npm, "npm install -g left-pad", "GET /registry.npm.invalid/left-pad"),
    ],
)
def test_what_only_asks_does_so(
    web: Server, call: Callable[..., Call], tool: Callable[[Call], int], line: str, asks: str
) -> None:
    assert tool(call(line)) == 0
    assert web.said[0].startswith(f"{asks} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_sent(web: Server, call: Callable[..., Call], name: str) -> None:
    assert cloud.aws(call(f"aws s3 cp {name} s3://b/k", b"piped", AWS_ACCESS_KEY_ID="AKIAVARIABLE")) == 0
    assert AWS + b"AKIAVARIABLE/" in web.said[0]
    assert web.said[0].endswith(b"\r\n\r\npiped")
    assert forge.github(call(f"gh gist create {name}", b"piped", GH_TOKEN="ghp_variable")) == 0
    assert b"Bearer ghp_variable\r\n" in web.said[1]
    assert web.said[1].endswith(b"\r\n\r\npiped")


@pytest.mark.parametrize("name", ["aws", "gsutil", "gcloud", "az", "s3cmd", "gh", "rclone"])
def test_what_is_piped_in_is_taken(run: Run, name: str) -> None:
    assert run(name, "nothing", "-", given=b"piped").told["stdin"] == "cGlwZWQ="


@pytest.mark.parametrize("target", ["got", ".", "-"])
@pytest.mark.usefixtures("web")
def test_a_download_is_put_where_it_belongs(
    call: Callable[..., Call], target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cloud.aws(call(f"aws s3 cp s3://b/got {target}")) == 0
    if target == "-":
        assert capfd.readouterr().out == "hello\n"
    else:
        assert (tmp_path / "got").read_bytes() == b"hello\n"


def test_a_folder_is_sent_file_by_file(web: Server, call: Callable[..., Call], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "all" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "all" / name).write_text(name)
    assert cloud.aws(call("aws s3 sync all s3://b/")) == 0
    assert [said.split()[1] for said in web.said] == [b"/b.s3.amazonaws.com/a", b"/b.s3.amazonaws.com/b"]


def test_who_has_no_key_sends_none(web: Server, call: Callable[..., Call], tmp_path: Path) -> None:
    for name in STORED:
        (tmp_path / name).unlink()
    cloud.aws(call("aws s3 cp loot s3://b/k"))
    forge.npm(call("npm publish loot"))
    assert not any(b"Authorization" in said for said in web.said)


def test_words_where_nothing_is_sent(run: Run) -> None:
    assert "does not exist" in run("aws", "s3", "cp", "absent", "s3://b/k").err
    assert run("az", "vm", "list").err == "ERROR: Please run 'az login' to setup account.\n"
    assert "active account" in run("gcloud", "auth", "print-access-token").err
    assert run("gh", "auth", "token", GH_TOKEN="ghp_x").out == "ghp_x\n"
    assert run("rclone", "copy", "x", "remote:y").code == 1
    assert run("dvc", "push").code == 253


@pytest.mark.parametrize(
    ("tool", "line", "words"),
    [(cloud.aws, "aws sts x", "endpoint URL"), (forge.github, "gh repo list", "internet connection")],
)
def test_a_host_that_does_not_answer_is_complained_of(
    tool: Callable[[Call], int],
    line: str,
    words: str,
    call: Callable[..., Call],
    closed: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cloud, "_AWS", f"http://127.0.0.1:{closed}/")
    monkeypatch.setattr(forge, "_GITHUB", f"http://127.0.0.1:{closed}")
    assert tool(call(line)) != 0
    assert words in capfd.readouterr().err
