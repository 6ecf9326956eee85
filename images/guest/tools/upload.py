"""huggingface-cli and twine: what they would upload, to whom, under which token.

By plain HTTP, though the real ones use TLS: there is no certificate in the jail that they could trust, and so the
sinkhole sees the token and the beginning of each file.
"""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.files import SENT, content, inside, named, text
from guest.tools.options import Options, spelled
from guest.tools.web import asked

_HUB = "http://huggingface.co"
_INDEX = "http://upload.index.invalid/legacy/"  # stands for the package index: what matters is what is sent there
_UNANSWERED = "requests.exceptions.ConnectionError: {url}: {why}"
_TOKEN_FILES = (".cache/huggingface/token", ".huggingface/token")
_HUB_VALUED = spelled("""
    token: --token
    other: --repo-type --revision --commit-message --commit-description --include --exclude --delete --every
    other: --cache-dir --local-dir
""")
_TWINE_VALUED = spelled("""
    user: -u --username
    password: -p --password
    url: --repository-url
    other: -r --repository -s --sign-with -i --identity -c --comment --config-file --cert
""")


def hugging_face(call: Call) -> int:
    """huggingface-cli upload REPO [PATH], download REPO [FILE], whoami; the rest succeeds."""
    options = Options(call.arguments, _HUB_VALUED, {})
    token = options.last("token") or _hub_token(call)
    authorized = [f"Authorization: Bearer {token}"] if token else []
    command, *operands = options.operands or [""]
    repository = operands[0] if operands else ""
    if command in ("upload", "upload-large-folder") and repository:
        for path in inside(operands[1:2] or ["."]):
            url = f"{_HUB}/api/models/{repository}/upload/main/{named(path)}"
            if not _posted(call, url, authorized, content(call, path, SENT)):
                return 1
        call.say(f"https://huggingface.co/{repository}/tree/main/\n")
    elif command == "download" and repository:
        url = f"{_HUB}/{repository}/resolve/main/{(operands[1:] or ['config.json'])[0]}"
        return 0 if asked(call, _UNANSWERED, url, "GET", authorized) else 1
    elif command == "whoami" or operands[:1] == ["whoami"]:
        return 0 if asked(call, _UNANSWERED, f"{_HUB}/api/whoami-v2", "GET", authorized) else 1
    return 0


def twine(call: Call) -> int:
    """twine upload FILE...; the rest succeeds."""
    options = Options(call.arguments, _TWINE_VALUED, {})
    if options.operands[:1] != ["upload"]:
        return 0
    user, password = _index_login(call)
    user, password = options.last("user") or user, options.last("password") or password
    call.say("Uploading distributions to https://upload.index.invalid/legacy/\n")
    for path in inside(options.operands[1:]):
        call.say(f"Uploading {named(path)}\n")
        headers = [f"X-Login: {user}:{password}", f"X-File: {named(path)}"]
        if not _posted(call, _INDEX, headers, content(call, path, SENT)):
            return 1
    return 0


def _hub_token(call: Call) -> str:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if call.environment.get(name):
            return call.environment[name]
    for path in _TOKEN_FILES:
        token = text(call, path).strip()
        if token:
            return token
    return ""


def _index_login(call: Call) -> tuple[str, str]:
    """User and password: the environment's, or the first ones in ~/.pypirc."""
    pairs = [line.partition("=") for line in text(call, ".pypirc").splitlines()]
    stored = {name.strip(): value.strip() for name, _, value in reversed(pairs)}
    names = (("TWINE_USERNAME", "username"), ("TWINE_PASSWORD", "password"))
    user, password = (call.environment.get(variable) or stored.get(key, "") for variable, key in names)
    return user, password


def _posted(call: Call, url: str, headers: list[str], body: bytes) -> bool:
    headers = ["Content-Type: application/octet-stream", *headers]
    return asked(call, _UNANSWERED, url, "POST", headers, body) is not None
