"""Every error that a user can see, in one table: what happened, and what to do about it. Pure.

Keys are named by what they are about. Templates are `str.format`'s; their values may be anybody's text, so each is
made harmless to look at before it goes in. The command puts `sandbox-load: FILE: ` in front.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.errors import CallerError, EvidenceError, HostError, MismatchError, SandboxError, UnpreparedError
from sandbox.report.neutral import neutral

_MOST = 300  # characters of one value

_POLICIES = "see configs/policies/evaluate.toml"
_SMALLER = "name the folder in it that holds the weights, or one file"
_OUTPUT = "choose another output with -o"
_EVIDENCE = "name a new folder with --evidence"
_CACHE = "free some space there, or name another place with XDG_CACHE_HOME"
_INDEX = "check the network and pip's configuration, or name a folder of wheels with --wheels DIR"
_BASE = "where no registry can be reached, make a base from Debian packages: sudo scripts/make-base"
_LOG = "see the engine's log"
_DOCTOR = "run: sandbox-load doctor"
_SETUP_DOCKER = "run: sandbox-load setup --jail docker"
_VERIFIED = "name a file that sandbox-load wrote, and keep its manifest beside it"


@dataclass(frozen=True)
class Message:
    """One row. `kind` says whose fault it is, and so the exit code."""

    kind: type[SandboxError]
    happened: str
    remedy: str


_Texts = dict[str, tuple[str, str]]

_CALLER: _Texts = {
    "usage": ("{why}", "see: {command} --help"),
    "input.missing": ("no such file", "check the path"),
    "input.unopened": ("it can't be opened ({why})", "check its permissions"),
    "input.special": ("it is not a regular file", "copy it to one first"),
    "input.empty": ("it is empty", "fetch it again"),
    "folder.empty": ("the folder holds no file with anything in it", "check the path"),
    "folder.link": (
        "{name} in it is a link to {target}, and only those of a Hugging Face snapshot to its blobs are followed",
        "put the file itself there, or name the snapshot's own folder",
    ),
    "folder.special": ("{name} in it is neither a file nor a folder", "take it out"),
    "folder.unopened": ("{name} in it can't be opened ({why})", "check its permissions"),
    "folder.moved": ("{name} in it was replaced while it was opened", "try again when nobody writes to it"),
    "folder.entries": ("it holds more than {most} files and folders", _SMALLER),
    "folder.depth": ("its folders are nested more than {most} deep", _SMALLER),
    "folder.bytes": ("its files hold more than {most} bytes", _SMALLER),
    "folder.letters": ("its files' names have more than {most} letters", _SMALLER),
    "output.no_folder": ("the folder {folder} does not exist", "create it, or choose another with -o"),
    "output.folder": ("the folder {folder} can't be used ({why})", _OUTPUT),
    "output.unusable": ("{path} can't be used as an output ({why})", _OUTPUT),
    "output.input": ("{path} is the input itself", _OUTPUT),
    "output.inside": ("{path} would be inside the folder that is the input", _OUTPUT),
    "output.special": ("{path} is not a file", _OUTPUT),
    "output.exists": ("{path} exists already", "choose another with -o, or replace it with --force"),
    "output.stale": (
        "{path} is of another conversion, and would look like a part of this one",
        "remove it, or " + _OUTPUT,
    ),
    "output.unwanted": ("{option} is about the output, and --no-output writes none", "leave one of the two out"),
    "choice.nothing": (
        "the pattern {pattern!r} matches none of the names of {count} tensors, of which {first!r} is the first",
        "* stands for any text, ? for one letter; case matters, and --strip-prefix comes first",
    ),
    "choice.shards": ("it would take {count} shards, and {most} is the most", "choose a larger --shard-size"),
    "report.words": ("--report {word!r} is not FORMAT=PATH", "FORMAT is one of {formats}"),
    "report.stdout": ("--report {word!r}: the report goes to standard output anyway", "choose its form with --format"),
    "report.folder": ("--report {word!r}: there is no such folder", "create it first"),
    "evidence.exists": ("{folder} exists already", _EVIDENCE),
    "evidence.parent": ("the folder {folder} does not exist", "create it, or choose another with --evidence"),
    "evidence.unusable": ("{folder} can't be made ({why})", _EVIDENCE),
    "static.load": ("{option} acts on a load, and --static loads nothing", "leave one of the two out"),
    "policy.unknown": ("there is no policy {name!r}", "use one of {known}, or the path of a .toml file"),
    "policy.tables": ("{file}: it needs exactly name, freedoms and the tables {tables}", _POLICIES),
    "policy.freedoms": ("{file}: freedoms is a list of {known}", _POLICIES),
    "policy.programs": ("{file}: it needs exactly real, tools and python, lists of plain names, none twice", "mend it"),
    "persona.unknown": ("there is no persona {name!r}", "use one of {known}"),
    "persona.table": ("personas.toml: [{name}]: {why}", "mend it"),
    "policy.keys": ("{where}: missing or unknown: {keys}", _POLICIES),
    "policy.number": ("{where}: {key} is not a number or a size", _POLICIES),
    "configuration.not_toml": ("{file} is not TOML ({why})", "mend it"),
    "configuration.twice": ("{file}: another file of its folder has {key}, too", "leave it in one of them"),
    "size": ("{text!r} is not a size", "write it like 512M or 4GiB"),
    "clock": (
        "{text!r} is no shift of the clock, or too far a one",
        "write it like +400d, -12h or +1y, by at most 60y either way; units are s, m, h, d, w and y",
    ),
    "memory": (
        "loading it needs {needed:.1f} GiB and this machine gives a jail {most:.1f} GiB",
        "use --static, or --memory with less",
    ),
    "memory.least": ("a jail of {asked:.0f} MiB can't start", "give it {least} MiB or more"),
    "rules.family": ("rules: no such family: {names}", "families are {families}"),
    "rules.twice": ("rules: the same id twice: {ids}", "give each row its own id"),
    "rules.advice": ("rules: [advice] of {family} is not a table of texts", "write suspicious = 'what to do'"),
    "rules.own.unread": ("--rules {file} can't be read ({why})", "name a .toml file that can be"),
    "rules.own.table": ("{file}: no such table: {names}", "there are tune, silence, and the families {families}"),
    "rules.own.row": ("{file}: {table} {row}: {why}", "correct the row"),
    "rules.own.rule": ("{file}: {table}: there is no rule {rule!r}", "a finding names its rule in brackets"),
    "rules.own.gap": (
        "{file}: {table}: {rule} says what could not be looked at",
        "mend what is missing: that can't be tuned or silenced",
    ),
    "rules.techniques": ("techniques: {why}", "correct the table"),
    "rules.formats": ("formats: [formats] is not a table of texts", "write name = 'what a person calls it'"),
    "rules.rows": ("rules: {family} is not a list of rows", "write [[{family}]]"),
    "rules.row": ("{where}: {why}", "correct the row"),
    "rules.word": ("{where}: no such {key}", "there are {words}"),
    "rules.braces": ("{where}: {why}", "correct the braces"),
    "rules.placeholder": ("{where}: no such placeholder", "there are {placeholders}"),
    "globals": ("globals: {why}", "correct the table"),
    "verify.unopened": ("{what} can't be opened ({why})", "check its path and permissions"),
    "verify.special": ("{what} is not a regular file", "name one that is"),
    "manifest.size": ("{what} is too big for a manifest", _VERIFIED),
    "manifest.foreign": ("the manifest is not whole, or not one of sandbox-load's", _VERIFIED),
    "manifest.text": ("the manifest is {why}", _VERIFIED),
    "manifest.fields": ("the manifest does not have the fields of {schema}", _VERIFIED),
    "manifest.value": ("the manifest's {key} can't be", _VERIFIED),
    "manifest.entry": ("the manifest has an entry that can't be: {why}", _VERIFIED),
    "metadata.foreign": ("it is no metadata of sandbox-load's: {why}", "name a .metadata.json that it wrote"),
    "replan": ("the plan can't be derived again: {why}", "see the report of the source"),
    "tensors.verdict": ("{path}: {verdict}: {summary}", "read the report before you accept it"),
    "tensors.none": ("{path}: {why}", "read its report: sandbox-load {path} --no-output"),
    "jail.runtime": ("--runtime names a runtime of the Docker engine", "use it with --jail docker"),
    "jail.root": ("a jail is never started as root", "choose an unprivileged uid and gid"),
    "bubblewrap.unusable": ("bubblewrap can't be used here: {why}", "{fix}"),
    "layer.unknown": ("there is no layer {name!r}", "use one of {known}"),
    "setup.remove_with": ("--remove takes away all that setup made, layers too", "leave --with out"),
    "wheels": ("{folder} is not a folder of wheels", "name one that exists"),
}

_UNPREPARED: _Texts = {
    "jail.unready": ("the {jail} jail is not ready: {why}", "{fix}"),
    "bubblewrap.unprepared": ("the bubblewrap jail is not prepared", "run: sandbox-load setup --jail bubblewrap"),
    "docker.unusable": ("{why}", "{fix}"),
    "docker.no_image": ("the Docker image is not there", _SETUP_DOCKER),
    "docker.silent": ("no Docker engine answers at {url} ({why})", "start one"),
}

_MISMATCH: _Texts = {
    "input.digest": ("its SHA-256 is not the one that was asked for", "fetch the file again"),
}

_HOST: _Texts = {
    "input.unread": ("reading it failed ({why})", "check the disk it is on"),
    "input.shrank": ("the input became shorter while it was copied", "try again when nobody writes to it"),
    "input.no_room": (
        "the jail's user can't read it and there is no room for a copy",
        "free some space, or chmod it",
    ),
    "output.space": ("the output needs {needed} bytes and {folder} has {free}", "free some space, or " + _OUTPUT),
    "output.failed": ("{what} can't be written ({why})", "free some space, or " + _OUTPUT),
    "output.shrank": ("the output became shorter while it was written", "keep others from writing to it"),
    "output.copy": ("copying stopped ({why})", "check the disk"),
    "output.spool": ("the returned tensors can't be kept ({why})", "free some space"),
    "scratch": ("no temporary folder can be used ({why})", "free some space there, or name another with TMPDIR"),
    "report.failed": ("the report can't be written to {path} ({why})", "choose another place"),
    "configuration.unread": ("{file} can't be read ({why})", "check its permissions"),
    "installation": ("this installation lacks its guest code", "reinstall sandbox-load"),
    "lock": ("{file} is not a list of pinned and hashed packages", "reinstall sandbox-load"),
    "packages.failed": ("the guest's packages can't be made in {folder} ({why})", _CACHE),
    "packages.space": ("{folder} has {free} MiB free, the guest's packages need {needed} MiB", _CACHE),
    "pip.missing": ("{python} has no pip", "install it: sudo apt-get install python3-pip"),
    "pip.no_wheel": ("the wheel of {package} is not at hand", "add it to the folder given with --wheels DIR"),
    "pip.not_found": ("no package index has the wheel of {package}", _INDEX),
    "pip.digest": (
        "a downloaded package is not the one that the lock names (its digest differs)",
        "take it from another index or folder; never use the one that was downloaded",
    ),
    "pip.space": ("there is no space left for the guest's packages", "free some space"),
    "pip.permission": ("the guest's packages can't be written", "check the owner of the cache folder"),
    "pip.network": ("no package index can be reached", _INDEX),
    "pip.failed": ("pip failed: {why}", "run setup again, or use --wheels DIR"),
    "jail.lacking": ("the jail is weaker than it promised, so nothing was loaded ({why})", _DOCTOR),
    "bubblewrap.failed": ("the bubblewrap jail did not start ({why})", _DOCTOR),
    "docker.failed": ("Docker: {doing} failed ({why})", _LOG),
    "docker.weaker": ("the engine would start a weaker jail ({why})", _DOCTOR),
    "docker.pull": ("{image} can't be pulled ({why})", _BASE),
    "docker.build": ("the image can't be built ({why}: {last})", _BASE),
    "docker.no_base": ("{image} is not there", "make a base: sudo scripts/make-base"),
    "docker.shrank": ("{file} became shorter while it was read", "run setup again"),
    "docker.stream": ("the Docker engine's stream is not one of a container", _LOG),
    "docker.stuck": ("the Docker jail does not take its order", "look at the load of this machine"),
    "docker.gone": ("the Docker jail is gone", _LOG),
    "gvisor.unseen": (
        "gVisor's process can't be seen from here, so its memory could not be limited",
        "run this on the machine, and in the PID namespace, that the Docker engine runs in",
    ),
    "gvisor.leftover": (
        "gVisor hangs, and the container {container} can't be removed",
        "sudo kill -9 {pid} && docker rm -f {container}",
    ),
    "docker.leftover": ("the container {container} can't be removed", "docker rm -f {container}"),
}

_UNWRITTEN: _Texts = {
    "evidence.failed": ("the evidence can't be written to {folder} ({why})", "free some space, or " + _EVIDENCE),
}

MESSAGES: dict[str, Message] = {
    key: Message(kind, happened, remedy)
    for kind, texts in (
        (CallerError, _CALLER),
        (UnpreparedError, _UNPREPARED),
        (MismatchError, _MISMATCH),
        (HostError, _HOST),
        (EvidenceError, _UNWRITTEN),
    )
    for key, (happened, remedy) in texts.items()
}


def error(key: str, /, **values: object) -> SandboxError:
    """The error of that row, to be raised. Text among the values ends up on one line, visible and short."""
    row = MESSAGES[key]
    shown = {name: value if isinstance(value, int | float) else _shown(value) for name, value in values.items()}
    return row.kind(row.happened.format(**shown).rstrip("."), row.remedy.format(**shown).rstrip("."))


def _shown(value: object) -> str:
    """Line breaks become blanks first: what a tool says of its failure may have several lines."""
    return neutral(" ".join(str(value).split()), _MOST)
