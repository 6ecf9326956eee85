"""wget: the options that payloads use, its messages and its exit codes."""

from __future__ import annotations

import os
import time

from guest.tools.call import Call
from guest.tools.files import content, write
from guest.tools.network import HandshakeError, UnresolvedError
from guest.tools.options import Options, spelled
from guest.tools.web import Response, Url, ask, login

_AGENT = "Wget/1.21.3"
_REDIRECTS = 5
_VALUED = spelled("""
    output: -O --output-document
    folder: -P --directory-prefix
    agent: -U --user-agent
    header: --header
    data: --post-data --body-data
    file: --post-file --body-file
    method: --method
    list: -i --input-file
    user: --user --http-user
    password: --password --http-password
    other: -o -a -t -T -w -e -l -A -R -D -I -X -Q --output-file --append-output --tries --timeout --wait --execute
    other: --level --accept --reject --referer --load-cookies --save-cookies --limit-rate --ca-certificate --certificate
    other: --private-key --bind-address --dns-timeout --connect-timeout --read-timeout --waitretry --quota
    other: --secure-protocol --max-redirect --cut-dirs --accept-regex --reject-regex
""")
_FLAGS = spelled("""
    quiet: -q --quiet
    version: -V --version
    spider: --spider
""")
_NETWORK, _TLS, _SERVER, _FILE = 4, 5, 8, 3


def wget(call: Call) -> int:
    """Each URL in turn; the lowest failing exit code, as the real one."""
    options = Options(call.arguments, _VALUED, _FLAGS)
    if options.has("version"):
        call.say("GNU Wget 1.21.3 built on linux-gnu.\n")
        return 0
    urls = [*options.operands, *_listed(call, options)]
    if not urls:
        call.complain("wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.")
        return 1
    return min((code for code in [_fetch(call, options, text) for text in urls[:8]] if code), default=0)


def _listed(call: Call, options: Options) -> list[str]:
    try:
        return content(call, options.last("list")).decode("utf-8", "replace").split() if options.has("list") else []
    except OSError:
        return []


def _fetch(call: Call, options: Options, text: str) -> int:
    try:
        url = Url(text)
        method, headers, body = _request(call, options, url)
    except ValueError:
        call.complain(f"{text}: Invalid host name.")
        return 1
    except OSError as error:
        call.complain(f"BODY data file {options.last('file')} missing: {error.strerror}")
        return _FILE
    try:
        response = _followed(url, method, headers, body)
    except OSError as error:
        code, words = _failure(url, error)
    else:
        code, words = _outcome(response)
    if not options.has("quiet"):
        call.complain(f"--{_now()}--  {url.text}\n{words}")
    return code if code or options.has("spider") else _deliver(call, options, url, response)


def _failure(url: Url, error: OSError) -> tuple[int, str]:
    if isinstance(error, UnresolvedError):
        return _NETWORK, f"wget: unable to resolve host address '{url.host}'"
    if isinstance(error, HandshakeError):
        return _TLS, "Unable to establish SSL connection."
    why = error.strerror or "No data received"
    return _NETWORK, f"Connecting to {url.host} ({url.host})|:{url.port}... failed: {why}."


def _outcome(response: Response) -> tuple[int, str]:
    words = f"HTTP request sent, awaiting response... {response.status} {response.reason}"
    if response.status < 400:
        return 0, words
    return _SERVER, f"{words}\n{_now()} ERROR {response.status}: {response.reason}."


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _followed(url: Url, method: str, headers: list[str], body: bytes) -> Response:
    response = ask(url, method, headers, body)
    for _ in range(_REDIRECTS):
        location = response.headers.get("location", "")
        if not (300 <= response.status < 400 and location):
            break
        url = url.joined(location)
        response = ask(url, "GET", headers, b"")
    return response


def _request(call: Call, options: Options, url: Url) -> tuple[str, list[str], bytes]:
    body = options.last("data").encode("utf-8", "surrogateescape")
    if options.has("file"):
        body = content(call, options.last("file"))
    sends = options.has("data") or options.has("file")
    user = f"{options.last('user')}:{options.last('password')}" if options.has("user") else url.user
    headers = [f"User-Agent: {options.last('agent', _AGENT)}", "Accept: */*", "Accept-Encoding: identity"]
    if user:
        headers.append(login(user))
    if sends:
        headers.append("Content-Type: application/x-www-form-urlencoded")
    return options.last("method", "POST" if sends else "GET").upper(), [*headers, *options.all("header")], body


def _deliver(call: Call, options: Options, url: Url, response: Response) -> int:
    output = options.last("output")
    if output == "-":
        call.say(response.body)
        return 0
    path = output or os.path.join(options.last("folder"), url.file or "index.html")
    try:
        write(path, response.body)
    except OSError as error:
        call.complain(f"{path}: {error.strerror}")
        return _FILE
    return 0
