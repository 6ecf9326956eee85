"""The command: words become one call, a result becomes an exit code, an error becomes one line. No jail starts here."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from bench.fuzz import corpus
from bench.fuzz.targets import unpack
from sandbox import __version__, cli, controller, prepare
from sandbox.facts import Exit
from sandbox.jail import family
from sandbox.request import Request
from sandbox.weights.arrangement import Choices

CONTENT = b"\x80\x04K\x01."
SECONDS = "it takes a number of seconds above 0 and below 10000000"
OPTIONS = {
    (): "-o --output --no-output --force --report --evidence --format --policy --jail --runtime --sha256 --static "
    "--salvage --allow-returned --strip-prefix --timeout --memory -q -v --version",
    ("setup",): "--jail --with --wheels --offline --remove",
    ("verify",): "--source --replan",
    ("doctor",): "",
}


@pytest.fixture(autouse=True)
def no_jail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a jail was about to start")

    monkeypatch.setattr(family, "choose", refuse)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """model.pt in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    path.write_bytes(CONTENT)
    return path


def refused(words: list[str], capsys: pytest.CaptureFixture[str], code: Exit = Exit.USAGE) -> str:
    """The one line that the command says, and nothing else."""
    assert cli.run(words) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("\n")
    line = said.err.removesuffix("\n")
    assert line.isprintable()
    assert line.startswith("sandbox-load: ")
    assert "; " in line
    return line


@pytest.mark.parametrize("command", OPTIONS, ids=lambda command: " ".join(command) or "MODEL")
def test_help_tells_every_option(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*command, "--help"]) == Exit.QUIET
    words = capsys.readouterr().out.replace(",", " ").split()
    assert set(OPTIONS[command].split()) <= set(words)


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["--help"])
    told = capsys.readouterr().out
    for code in ("0 clean", "1 suspicious", "2 inconclusive", "3 usage", "130 interrupted"):
        assert code in told


def test_no_argument_prints_the_help_and_nothing_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == Exit.USAGE
    assert capsys.readouterr().out.startswith("usage: sandbox-load MODEL")


@pytest.mark.parametrize("words", [["--version"], ["setup", "--version"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == Exit.QUIET
    assert capsys.readouterr().out == f"sandbox-load {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nonsense", "model.pt"], "unrecognized arguments: --nonsense; see: sandbox-load --help"),
        (["--stat", "model.pt"], "unrecognized arguments: --stat; see: sandbox-load --help"),
        (["--static"], "the following arguments are required: MODEL; see: sandbox-load --help"),
        (["model.pt", "other.pt"], "unrecognized arguments: other.pt; see: sandbox-load --help"),
        (["model.pt", "--jail", "none"], "argument --jail: invalid choice: 'none'"),
        (["model.pt", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["model.pt", "--timeout", "0"], f"argument --timeout: {SECONDS}"),
        (
            ["model.pt", "--timeout", "nan"],
            f"argument --timeout: {SECONDS}",
        ),
        (
            ["model.pt", "--timeout", "soon"],
            f"argument --timeout: {SECONDS}",
        ),
        (["model.pt", "--linger", "0"], f"argument --linger: {SECONDS}"),
        (["model.pt", "--linger", "1e7"], f"argument --linger: {SECONDS}"),
        (["model.pt", "--clock"], "argument --clock: expected one argument"),
        (["model.pt", "--clock", "--force"], "argument --clock: expected one argument"),
        (["model.pt", "--sha256", "abc"], "argument --sha256: it takes 64 hexadecimal digits"),
        (["model.pt", "--sha256", "g" * 64], "argument --sha256: it takes 64 hexadecimal digits"),
        (
            ["verify", "out.safetensors"],
            "the following arguments are required: --source; see: sandbox-load verify --help",
        ),
        (["setup", "--jail", "none"], "argument --jail: invalid choice: 'none'"),
        (
            ["setup", "--remove", "--with", "sklearn"],
            "--remove takes away all that setup made, layers too; leave --with",
        ),
        (["setup", "--with", "x"], "there is no layer 'x'; use one of cloudpickle, joblib, pandas, sklearn"),
        (["doctor", "model.pt"], "unrecognized arguments: model.pt; see: sandbox-load doctor --help"),
        (["\x1b[31m", "--x\n"], "unrecognized arguments: --x; see: sandbox-load --help"),
    ],
)
def test_usage_errors(words: list[str], said: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(words, capsys).startswith(f"sandbox-load: {said}")


@pytest.mark.parametrize("words", [["--linger", "3"], ["--exercise"], ["--clock", "-30d"]])
@pytest.mark.usefixtures("model")
def test_what_acts_on_a_load_is_refused_where_there_is_none(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(["model.pt", "--static", *words], capsys)
    assert said.startswith(f"sandbox-load: model.pt: {words[0]} acts on a load, and --static loads nothing; ")


def empty(model: Path) -> None:
    model.write_bytes(b"")


def folder(model: Path) -> None:
    model.unlink()
    model.mkdir()


def fifo(model: Path) -> None:
    model.unlink()
    os.mkfifo(model)


def exists(model: Path) -> None:
    model.with_suffix(".safetensors").write_bytes(b"mine")


def manifest_exists(model: Path) -> None:
    model.with_suffix(".manifest.json").write_bytes(b"mine")


def linked(model: Path) -> None:
    model.with_suffix(".safetensors").symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (Path.unlink, [], "no such file; check the path"),
        (folder, [], "the folder holds no file with anything in it; check the path"),
        (fifo, [], "it is not a regular file; copy it to one first"),
        (empty, [], "it is empty; fetch it again"),
        (exists, [], "model.safetensors exists already; choose another with -o, or replace it with --force"),
        (manifest_exists, [], "model.manifest.json exists already; choose another with -o, or replace it with --force"),
        (linked, [], "model.safetensors exists already; choose another with -o, or replace it with --force"),
        (
            None,
            ["-o", "no/such/out.safetensors"],
            "the folder no/such does not exist; create it, or choose another with -o",
        ),
        (None, ["-o", "model.pt", "--force"], "model.pt is the input itself; choose another output with -o"),
        (None, ["-o", "."], ". is not a file; choose another output with -o"),
        (None, ["-o", "/tmp/"], "/tmp is not a file; choose another output with -o"),
        (None, ["--memory", "lots"], "'lots' is not a size; write it like 512M or 4GiB"),
        (
            None,
            ["--clock", "tomorrow"],
            (
                "'tomorrow' is no shift of the clock, or too far a one; write it like +400d, -12h or +1y, by at most "
                "60y either way; units are s, m, h, d, w and y"
            ),
        ),
        (
            None,
            ["--policy", "lax"],
            "there is no policy 'lax'; use one of detonate, evaluate, or the path of a .toml file",
        ),
        (None, ["--persona", "me"], "there is no persona 'me'; use one of ci, gpu-vm, laptop, notebook"),
        (None, ["--report", "x.json"], "--report 'x.json' is not FORMAT=PATH; FORMAT is one of text, json"),
        (None, ["--report", "pdf=x"], "--report 'pdf=x' is not FORMAT=PATH; FORMAT is one of text, json"),
        (None, ["--report", "json="], "--report 'json=' is not FORMAT=PATH; FORMAT is one of text, json"),
        (
            None,
            ["--report", "json=-"],
            "--report 'json=-': the report goes to standard output anyway; choose its form with --format",
        ),
        (None, ["--report", "json=no/x"], "--report 'json=no/x': there is no such folder; create it first"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    change: object, words: list[str], said: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if change:
        change(model)  # type: ignore[operator]
    before = sorted(os.listdir())
    assert refused(["model.pt", *words], capsys) == f"sandbox-load: model.pt: {said}"
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("word", [".", "", "../here"])
def test_folders_by_any_name(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "link").symlink_to("model.pt")
    monkeypatch.chdir(here)
    assert "link in it is a link to model.pt, and only those of a Hugging Face snapshot" in refused([word], capsys)


def test_another_digest_is_a_mismatch_and_starts_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["model.pt", "--sha256", "0" * 64], capsys, Exit.ALARM)
    assert line == "sandbox-load: model.pt: its SHA-256 is not the one that was asked for; fetch the file again"


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_the_right_digest_goes_on_to_the_jail(model: Path, spell: object) -> None:
    digest = spell(hashlib.sha256(CONTENT).hexdigest())  # type: ignore[operator]
    with pytest.raises(AssertionError, match="about to start"):
        cli.run(["model.pt", "--sha256", digest])
    assert os.listdir() == ["model.pt"]


def test_an_unreadable_file_is_one_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["model.pt/below", "--no-output"], capsys)
    assert line == "sandbox-load: model.pt/below: it can't be opened (Not a directory); check its permissions"


@pytest.mark.parametrize("name", ["verify", "setup", "doctor"])
def test_a_file_that_is_named_like_a_command(name: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused([f"./{name}"], capsys) == f"sandbox-load: ./{name}: no such file; check the path"


def test_a_file_whose_name_begins_with_a_dash(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["--", "-x.pt"], capsys) == "sandbox-load: -x.pt: no such file; check the path"


def test_the_file_in_front_is_the_model_whatever_else_was_said(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--policy", "evaluate", "-o", "other.safetensors", "--strip-prefix", "a.b", "gone.pt"]
    assert refused(words, capsys).startswith("sandbox-load: gone.pt: no such file")


def test_a_hostile_name_never_reaches_the_terminal_raw(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["\x1b[2J\u202egnp\nsandbox-load: clean\udcff.pt"], capsys)
    assert line.endswith("no such file; check the path")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_the_locale_can_not_spell_is_no_crash(encoding: str, tmp_path: Path) -> None:
    source, output, manifest = unpack(corpus.read("verify")["clean.bin"])
    for ending, content in (("pt", source), ("safetensors", output), ("manifest.json", manifest)):
        (tmp_path / f"日\x1b.{ending}").write_bytes(content)
    words = [str(tmp_path / "日\x1b.safetensors"), "--source", str(tmp_path / "日\x1b.pt")]
    command = [sys.executable, "-c", "from sandbox.cli import main; raise SystemExit(main())", "verify", *words]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (ended.returncode, ended.stderr) == (Exit.QUIET, b"")
    assert ended.stdout.startswith(b"verified: ")
    assert b"\x1b" not in ended.stdout


def test_verify_names_what_it_lacks(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["verify", "./out.safetensors", "--source", "model.pt"], capsys)
    assert line.startswith("sandbox-load: ./out.safetensors: the output can't be opened (No such file or directory); ")
    Path("out.safetensors").write_bytes(b"x")
    line = refused(["verify", "out.safetensors", "--source", "gone.pt"], capsys)
    assert "the source can't be opened" in line
    line = refused(["verify", "out.safetensors", "--source", "model.pt"], capsys)
    assert "the manifest out.manifest.json can't be opened" in line


def test_an_interrupt_is_130(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_request: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(controller, "evaluate", interrupt)
    assert cli.run(["model.pt"]) == Exit.INTERRUPTED
    assert capsys.readouterr().err == "sandbox-load: interrupted; nothing was written\n"


def test_an_interrupted_setup_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "setup", interrupt)
    assert cli.run(["setup"]) == Exit.INTERRUPTED
    assert "run it again to go on" in capsys.readouterr().err


def ended(evaluate: str, stdout: int | TextIO = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The console script, with that instead of an evaluation."""
    program = f"""
import os
from sandbox import cli, controller
from tests.report.samples import CLEAN
controller.evaluate = lambda _request: {evaluate}
raise SystemExit(cli.main())
"""
    command = [sys.executable, "-c", program, "x.pt"]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_a_bug_of_ours_is_no_verdict() -> None:
    done = ended("[]['\\x1b[2J']")
    assert done.returncode == Exit.USAGE
    assert done.stderr.endswith("sandbox-load: this is a bug, and nothing was judged; please report it\n")
    assert "TypeError" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_told_to_end_is_an_interrupt(number: signal.Signals) -> None:
    done = ended(f"os.kill(os.getpid(), {int(number)})")
    assert (done.returncode, done.stderr) == (Exit.INTERRUPTED, "sandbox-load: interrupted; nothing was written\n")


def test_a_full_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = ended("CLEAN", full)
    assert done.returncode == Exit.USAGE
    said = "sandbox-load: x.pt: the report can't be written to standard output (No space left on device); "
    assert done.stderr == f"{said}choose another place\n"


def test_options_may_stand_before_the_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> None:
        seen.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(controller, "evaluate", keep)
    first = ["--static", "--force", "-o", "out.safetensors", "--memory", "4G", "--timeout", "2.5", "--salvage"]
    cli.run(
        [*first, "--allow-returned", "--strip-prefix", "model.", "--jail", "docker", "--runtime", "runsc", "model.pt"]
    )
    (request,) = seen
    shaped = ["--select", "a*", "--select", "b*", "--exclude", "*c", "--tied", "drop", "--shard-size", "5GB"]
    cli.run([*shaped, "--split-optimizer", "model.pt"])
    assert seen[1].choices() == Choices("", ("a*", "b*"), ("*c",), "drop", 5 * 10**9, split_optimizer=True)
    assert (request.path, request.output) == (Path("model.pt"), Path("out.safetensors"))
    assert (request.static, request.force, request.salvage, request.allow_returned) == (True, True, True, True)
    assert (request.memory, request.timeout, request.strip_prefix) == (4 << 30, 2.5, "model.")
    assert (request.jail, request.runtime, request.write) == ("docker", "runsc", True)


def test_what_the_load_is_put_through(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Request] = []

    def keep(request: Request) -> None:
        seen.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(controller, "evaluate", keep)
    cli.run(["--clock", "-30d", "--linger", "12.5", "--exercise", "model.pt"])
    cli.run(["model.pt", "--clock=+1.5h"])
    assert [(row.clock, row.linger, row.exercise) for row in seen] == [(-30 * 86400, 12.5, True), (5400, None, False)]


def test_without_options_everything_is_the_safe_default(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Request] = []
    monkeypatch.setattr(
        controller, "evaluate", lambda request: seen.append(request) or (_ for _ in ()).throw(KeyboardInterrupt)
    )
    cli.run(["model.pt"])
    assert seen == [Request(Path("model.pt"))]


def test_the_console_script_ends_with_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from sandbox.cli import main; sys.exit(main())", "/no/such/model.pt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == "sandbox-load: /no/such/model.pt: no such file; check the path\n"


def test_a_reader_who_goes_away_is_no_crash() -> None:
    done = subprocess.run(
        f"{sys.executable} -c 'import sys; from sandbox.cli import main; sys.exit(main())' --help | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
