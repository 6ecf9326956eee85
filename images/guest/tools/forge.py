"""gh, kaggle and npm: what they would publish, and under which token. By plain HTTP, as in `upload`."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.files import SENT, content, inside, named, text
from guest.tools.options import Options, spelled
from guest.tools.web import asked, login

_GITHUB = "http://api.github.com"
_KAGGLE = "http://www.kaggle.com/api/v1"
_NPM = "http://registry.npm.invalid"  # stands for the package registry
_UNANSWERED = "error connecting to {host}\ncheck your internet connection"
_VALUED = spelled("""
    input: --input
    field: -f -F --field --raw-field
    method: -X --method
    other: -d --desc --description -R --repo --filename -H --header -q --jq -t --template --title --notes --body
    other: -m --message -b -k --hostname --tag --access --registry --otp
""")


def github(call: Call) -> int:
    """gh gist create, release upload, api, auth token; anything else asks once who one is."""
    options = Options(call.arguments, _VALUED, {})
    command, action, *operands = [*options.operands, "", ""]
    token = _github_token(call)
    if (command, action) == ("auth", "token"):
        call.say(f"{token}\n")
        return 0
    if command == "api" and action:
        return _call(call, options, action, token)
    if (command, action) in (("gist", "create"), ("release", "upload")):
        paths = operands[:-2] if command == "gist" else operands[1:-2]
        return _published(call, f"{_GITHUB}/{command}s", "POST", _bearer(token), paths or ["-"])
    if not command or command in ("help", "version"):
        return 0
    return 0 if asked(call, _UNANSWERED, f"{_GITHUB}/user", "GET", _bearer(token), b"") else 1


def _call(call: Call, options: Options, path: str, token: str) -> int:
    fields = "&".join(options.all("field")).encode("utf-8", "surrogateescape")
    body = content(call, options.last("input"), SENT) if options.has("input") else fields
    method = options.last("method") or ("POST" if body else "GET")
    response = asked(call, _UNANSWERED, f"{_GITHUB}/{path.lstrip('/')}", method, _bearer(token), body)
    if response is None:
        return 1
    call.say(response.body)
    return 0


def kaggle(call: Call) -> int:
    """kaggle datasets create, kernels push and the like upload a folder; anything else asks for it."""
    options = Options(call.arguments, _VALUED | {"-p": "path", "--path": "path"}, {})
    command, action, *_ = [*options.operands, "", ""]
    stored = text(call, ".kaggle/kaggle.json")
    user, key = (
        call.environment.get(f"KAGGLE_{name.upper()}") or stored.partition(f'"{name}":"')[2].partition('"')[0]
        for name in ("username", "key")
    )
    headers = [login(f"{user}:{key}")] if key else []
    if action in ("create", "version", "push", "submit"):
        sources = options.all("path") + options.all("field")
        return _published(call, f"{_KAGGLE}/{command}/{action}", "POST", headers, sources or ["."])
    if not command:
        return 0
    return 0 if asked(call, _UNANSWERED, f"{_KAGGLE}/{command}/{action}", "GET", headers, b"") else 1


def npm(call: Call) -> int:
    """npm publish [FOLDER or FILE], install NAME...; the rest succeeds."""
    command, *operands = [*Options(call.arguments, _VALUED, {}).operands, ""]
    stored = text(call, ".npmrc").partition("_authToken=")[2].partition("\n")[0].strip()
    headers = _bearer(call.environment.get("NPM_TOKEN") or stored)
    if command == "publish":
        return _published(call, _NPM, "PUT", headers, operands[:-1] or ["."])
    for name in operands[:-1] if command in ("install", "i", "add") else ():
        if not asked(call, _UNANSWERED, f"{_NPM}/{name}", "GET", headers, b""):
            return 1
    return 0


def _github_token(call: Call) -> str:
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        if call.environment.get(name):
            return call.environment[name]
    return text(call, ".config/gh/hosts.yml").partition("oauth_token:")[2].partition("\n")[0].strip()


def _bearer(token: str) -> list[str]:
    return [f"Authorization: Bearer {token}"] if token else []


def _published(call: Call, url: str, method: str, headers: list[str], sources: list[str]) -> int:
    for path in inside(sources):
        name = "stdin" if path == "-" else named(path)
        if not asked(call, _UNANSWERED, f"{url}/{name}", method, headers, content(call, path, SENT)):
            return 1
    return 0
