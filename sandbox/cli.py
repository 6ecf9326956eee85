"""The command `sandbox-load`. Translates words into a request and a result into an exit code; decides nothing."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sandbox import messages
from sandbox.errors import EvidenceError, HostileError, MismatchError, SandboxError
from sandbox.facts import TOOL, Exit
from sandbox.options import JAILS, add_how, add_output, joined
from sandbox.progress import Progress, tell
from sandbox.report.neutral import neutral

if TYPE_CHECKING:
    from sandbox.request import Request

_PROGRAM = "sandbox-load"
_STDERR = 2

_EVALUATE_HELP = """\
Open an untrusted model once, safely: load it in a locked-down jail, watch what it does, and give the weights back as
safetensors with proof of where every byte came from.

commands:
  sandbox-load MODEL                                evaluate a file or folder (a path; for one named setup: ./setup)
  sandbox-load MODEL --policy detonate              let it act inside the jail, and tell what it meant to do
  sandbox-load setup                                prepare a jail: download and install what it needs
  sandbox-load doctor                               which jails work here, and what would fix the others
  sandbox-load verify OUT.safetensors --source MODEL   check an output against its source again

exit codes:
  0 clean or unexecuted   1 suspicious, malicious or a mismatch   2 inconclusive or unsupported
  3 usage or environment: nothing was judged   130 interrupted
"""

_SETUP_HELP = "Prepare a jail: says what it downloads and where to, may be interrupted, and is undone by --remove."
_DOCTOR_HELP = "Which jails work on this machine, why others don't, and the exact command that would fix each."
_VERIFY_HELP = (
    "Check a converted file, its manifest and its source against each other, without torch and without a jail."
)


class _Parser(argparse.ArgumentParser):
    """argparse, whose complaints read like every other error."""

    def error(self, message: str) -> NoReturn:
        raise messages.error("usage", why=message, command=self.prog)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    return _Parser(prog=f"{_PROGRAM} {command}", description=description, allow_abbrev=False)


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        usage="sandbox-load MODEL [options]\n       sandbox-load {setup,doctor,verify} ...",
        description=_EVALUATE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="the checkpoint to open: a file, or a folder of files")
    add_output(parser.add_argument_group("output"))
    add_how(parser.add_argument_group("how"))
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="more in the text report; -vv: the jail's flags too"
    )
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--version", action="version", version=TOOL)


def _evaluate(options: argparse.Namespace) -> int:
    from sandbox import reporting  # noqa: PLC0415 - `doctor` and `--help` needn't load the controller
    from sandbox.controller import evaluate  # noqa: PLC0415

    targets = reporting.targets(options.report)
    progress = Progress(quiet=options.quiet)
    lost = False
    try:
        with progress:
            report = evaluate(_request(options, progress))
    except EvidenceError as error:  # not worth the report
        report, lost = error.report, True
        _complain(options.model, error)
    reporting.write(report, targets)
    reporting.show(report, options.format, options.verbose)
    return report.exit_code or (Exit.USAGE if lost else Exit.QUIET)


def _request(options: argparse.Namespace, progress: Progress) -> Request:
    from sandbox.policy import parse_shift, parse_size  # noqa: PLC0415 - as above
    from sandbox.request import Request  # noqa: PLC0415

    return Request(
        path=Path(options.model),
        output=options.output,
        write=not options.no_output,
        force=options.force,
        policy=options.policy,
        persona=options.persona,
        rules=tuple(options.rules),
        jail=options.jail,
        runtime=options.runtime,
        sha256=options.sha256,
        static=options.static,
        salvage=options.salvage,
        allow_returned=options.allow_returned,
        strip_prefix=options.strip_prefix,
        select=tuple(options.select),
        exclude=tuple(options.exclude),
        tied=options.tied,
        shard_size=parse_size(options.shard_size) if options.shard_size else None,
        split_optimizer=options.split_optimizer,
        timeout=options.timeout,
        linger=options.linger,
        exercise=options.exercise,
        clock=parse_shift(options.clock) if options.clock is not None else 0.0,
        memory=parse_size(options.memory) if options.memory else None,
        evidence=options.evidence,
        progress=progress.say,
        copied=progress.copied,
    )


def _setup_parser() -> argparse.ArgumentParser:
    parser = _parser("setup", _SETUP_HELP)
    parser.add_argument("--jail", choices=JAILS, default="auto")
    parser.add_argument(
        "--with",
        dest="layers",
        metavar="LAYER",
        action="append",
        default=[],
        help="add a framework for loads to import, in every jail: cloudpickle, joblib, pandas, sklearn (repeatable)",
    )
    parser.add_argument("--wheels", metavar="DIR", type=Path, help="look for packages there first")
    parser.add_argument(
        "--offline", action="store_true", help="use nothing but --wheels and what is downloaded already"
    )
    parser.add_argument("--remove", action="store_true", help="undo everything that setup made")
    _add_common(parser)
    return parser


def _setup(options: argparse.Namespace) -> int:
    from sandbox.prepare import remove, setup  # noqa: PLC0415

    say = Progress(quiet=options.quiet).say
    if options.remove and options.layers:
        raise messages.error("setup.remove_with")
    if options.remove:
        remove(options.jail, say)
    else:
        setup(options.jail, say, options.layers, wheels=options.wheels, offline=options.offline)
    return Exit.QUIET


def _doctor_parser() -> argparse.ArgumentParser:
    return _parser("doctor", _DOCTOR_HELP)


def _doctor(_options: argparse.Namespace) -> int:
    from sandbox.doctor import examine, text  # noqa: PLC0415

    diagnosis = examine()
    print(text(diagnosis))
    return Exit.QUIET if any(row.works for row in diagnosis) else Exit.USAGE


def _verify_parser() -> argparse.ArgumentParser:
    parser = _parser("verify", _VERIFY_HELP)
    parser.add_argument("output", metavar="OUT.safetensors")
    parser.add_argument("--source", metavar="MODEL", type=Path, required=True, help="the checkpoint it was made from")
    parser.add_argument(
        "--replan", action="store_true", help="derive the plan anew in a jail: proves names and shapes, too"
    )
    parser.add_argument("--jail", choices=JAILS, default="auto", help="for --replan")
    return parser


def _verify(options: argparse.Namespace) -> int:
    from sandbox.verification import check  # noqa: PLC0415

    result = check(Path(options.output), options.source, replan=options.replan, jail=options.jail)
    print(result.text)
    return result.exit_code


@dataclass(frozen=True)
class _Command:
    parser: Callable[[], argparse.ArgumentParser]
    act: Callable[[argparse.Namespace], int]
    about: str = ""  # the argument that names the file in front of an error
    interrupted: str = "nothing was written"


_EVALUATION = _Command(_evaluate_parser, _evaluate, "model")
_COMMANDS = {
    "setup": _Command(_setup_parser, _setup, interrupted="run it again to go on, or with --remove to undo it"),
    "doctor": _Command(_doctor_parser, _doctor),
    "verify": _Command(_verify_parser, _verify, "output"),
}


def _complain(about: str, error: SandboxError) -> None:
    """One line on standard error; `about` is the file's name, or nothing."""
    tell(": ".join([_PROGRAM, *filter(None, [neutral(about)]), str(error)]) + "\n")


def run(words: Sequence[str]) -> int:
    """Do what the words say and return the exit code. Errors are one line on standard error."""
    if not words:
        _evaluate_parser().print_help()
        return Exit.USAGE
    command, rest = (_COMMANDS[words[0]], words[1:]) if words[0] in _COMMANDS else (_EVALUATION, words)
    about = ""
    try:
        options = command.parser().parse_args(joined(rest))
        about = vars(options).get(command.about, "")
        return command.act(options)
    except SandboxError as error:
        _complain(about, error)
        return Exit.ALARM if isinstance(error, MismatchError | HostileError) else Exit.USAGE
    except KeyboardInterrupt:
        tell(f"{_PROGRAM}: interrupted; {command.interrupted}\n")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the report has gone; so may we
        return Exit.USAGE
    except SystemExit:  # argparse, after --help or --version
        return Exit.QUIET


def _fill_standard_streams() -> None:
    """A closed standard stream's number would go to the next file opened, and that would be the model."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(opened)
    sys.stdout = sys.stdout or os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(os.dup(_STDERR), "w", encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale without the report's characters: an escape stands for each
        sys.stdout.reconfigure(errors="backslashreplace")


def _show_all_text() -> None:
    """What the locale's encoding has no place for is escaped; a name in a report is no reason to have none."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """The console script."""
    _fill_standard_streams()
    _show_all_text()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup's stay ignored
            signal.signal(number, _interrupt)
    try:
        return run(sys.argv[1:])
    except Exception:  # ours to mend; Python's own exit code for it would say "suspicious"
        shown = [neutral(line) for line in traceback.format_exc().splitlines()]
        shown.append(f"{_PROGRAM}: this is a bug, and nothing was judged; please report it")
        tell("\n".join(shown) + "\n")
        return Exit.USAGE
