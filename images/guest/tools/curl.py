"""curl: the options that payloads use, its messages and its exit codes."""

from __future__ import annotations

import os

from guest.tools.call import Call
from guest.tools.files import content, named, write
from guest.tools.network import HandshakeError, UnresolvedError
from guest.tools.options import Options, spelled
from guest.tools.web import Response, SilentError, Url, ask, escaped, login

_REDIRECTS = 5
_REDIRECTED = (301, 302, 303, 307, 308)
_AGENT = "curl/7.88.1"
_BOUNDARY = "------------------------a1b2c3d4e5f60718"
_FORM = "Content-Type: application/x-www-form-urlencoded"
_VALUED = spelled("""
    data: -d --data --data-ascii
    binary: --data-binary
    raw: --data-raw
    encoded: --data-urlencode
    json: --json
    form: -F --form --form-string
    upload: -T --upload-file
    header: -H --header
    method: -X --request
    output: -o --output
    folder: --output-dir
    url: --url
    user: -u --user
    bearer: --oauth2-bearer
    agent: -A --user-agent
    cookie: -b --cookie
    referer: -e --referer
    other: -c -D -m -w -x -r -E -C -y -Y -z -U -P -Q -t -K --cookie-jar --dump-header --max-time
    other: --connect-timeout --retry --retry-delay --retry-max-time --write-out --proxy --proxy-user
    other: --socks4 --socks4a --socks5 --socks5-hostname --resolve --connect-to --cacert --capath
    other: --cert --cert-type --key --key-type --pass --ciphers --config --range --limit-rate
    other: --interface --dns-servers --doh-url --max-filesize --max-redirs --proto --tls-max
    other: --proto-default --trace --trace-ascii --stderr --unix-socket --aws-sigv4 --continue-at
    other: --speed-limit --speed-time --time-cond --noproxy --keepalive-time --mail-from --mail-rcpt
    other: --quote --netrc-file --local-port
""")
_FLAGS = spelled("""
    silent: -s --silent
    errors: -S --show-error
    head: -I --head
    named: -O --remote-name
    follow: -L --location --location-trusted
    include: -i --include
    fail: -f --fail --fail-with-body
    get: -G --get
    version: -V --version
""")


class _FailedError(Exception):
    """curl's own exit code, and what it says."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def curl(call: Call) -> int:
    """Each URL in turn; the last one's exit code."""
    options = Options(call.arguments, _VALUED, _FLAGS)
    if options.has("version"):
        call.say("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.15 zlib/1.2.13\n")
        return 0
    urls = [*options.all("url"), *options.operands]
    if not urls:
        call.complain("curl: try 'curl --help' or 'curl --manual' for more information")
        return 2
    code = 0
    for at, text in enumerate(urls[:8]):
        try:
            outputs = options.all("output")
            _transfer(call, options, text, outputs[at] if at < len(outputs) else "")
            code = 0
        except _FailedError as failed:
            code = failed.code
            if not options.has("silent") or options.has("errors"):
                call.complain(f"curl: ({code}) {failed}")
    return code


def _transfer(call: Call, options: Options, text: str, output: str) -> None:
    try:
        url = Url(text)
    except ValueError:
        if not text.lower().startswith("file://"):
            raise _FailedError(3, "URL using bad/illegal format or missing URL") from None
        return _deliver(call, options, Response(b"HTTP/1.1 200 OK", _local(text[7:])), output, text[7:])
    if url.scheme not in ("http", "https"):
        raise _FailedError(1, f'Protocol "{url.scheme}" not supported or disabled in libcurl')
    method, headers, body = _request(call, options, url)
    response = _asked(url, method, headers, body)
    for _ in range(_REDIRECTS):
        if not (options.has("follow") and response.status in _REDIRECTED and response.headers.get("location")):
            break
        url = url.joined(response.headers["location"])
        response = _asked(url, "GET" if method != "HEAD" else method, headers, b"")
    if options.has("fail") and response.status >= 400:
        raise _FailedError(22, f"The requested URL returned error: {response.status}")
    return _deliver(call, options, response, output, url.path.partition("?")[0])


def _asked(url: Url, method: str, headers: list[str], body: bytes) -> Response:
    try:
        return ask(url, method, headers, body)
    except UnresolvedError:
        raise _FailedError(6, f"Could not resolve host: {url.host}") from None
    except HandshakeError:
        words = f"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to {url.host}:{url.port} "
        raise _FailedError(35, words) from None
    except SilentError:
        raise _FailedError(52, "Empty reply from server") from None
    except TimeoutError:
        raise _FailedError(28, f"Failed to connect to {url.host} port {url.port}: Connection timed out") from None
    except OSError:
        words = f"Failed to connect to {url.host} port {url.port} after 3 ms: Couldn't connect to server"
        raise _FailedError(7, words) from None


def _request(call: Call, options: Options, url: Url) -> tuple[str, list[str], bytes]:
    """Method, headers and body; the URL gets what belongs there."""
    method, kind, body = _body(call, options)
    if options.has("get") and body:
        url.path += ("&" if "?" in url.path else "?") + body.decode("utf-8", "surrogateescape")
        method, kind, body = "GET", "", b""
    upload = options.last("upload")
    if upload and url.path.endswith("/"):
        url.path += named(upload)
    own = options.all("header")
    names = {header.partition(":")[0].lower() for header in own}
    user = options.last("user") or url.user
    headers = [
        login(user) if user else "",
        f"Authorization: Bearer {options.last('bearer')}" if options.has("bearer") else "",
        f"User-Agent: {options.last('agent', _AGENT)}",
        "Accept: */*",
        f"Cookie: {options.last('cookie')}" if "=" in options.last("cookie") else "",
        f"Referer: {options.last('referer')}" if options.has("referer") else "",
        kind,
    ]
    kept = [header for header in headers if header and header.partition(":")[0].lower() not in names]
    return options.last("method", method), [*kept, *own], body


def _body(call: Call, options: Options) -> tuple[str, str, bytes]:
    """Method, Content-Type header and body as the options for data have them."""
    if options.has("upload"):
        return "PUT", "", _file(call, options.last("upload"))
    if options.has("form"):
        return "POST", f"Content-Type: multipart/form-data; boundary={_BOUNDARY}", _form(call, options.all("form"))
    parts = [(name, value) for name, value in options.given if name in _DATA]
    if parts:
        kind = "Content-Type: application/json" if options.has("json") else _FORM
        return "POST", kind, b"&".join(_DATA[name](call, value) for name, value in parts)
    return "HEAD" if options.has("head") else "GET", "", b""


def _data(call: Call, value: str) -> bytes:
    return _binary(call, value).translate(None, b"\r\n") if value.startswith("@") else value.encode(*_RAW)


def _binary(call: Call, value: str) -> bytes:
    if not value.startswith("@"):
        return value.encode(*_RAW)
    try:
        return content(call, value[1:])
    except OSError:
        call.complain(f'Warning: Couldn\'t read data from file "{value[1:]}", this makes an empty POST.')
        return b""


def _encoded(call: Call, value: str) -> bytes:
    """content, =content, name=content, @file or name@file."""
    at = min((at for at in (value.find("="), value.find("@")) if at >= 0), default=-1)
    name, what = (value[:at], value[at + 1 :]) if at >= 0 else ("", value)
    raw = _binary(call, f"@{what}") if at >= 0 and value[at] == "@" else what.encode(*_RAW)
    return f"{name}={escaped(raw)}".encode(*_RAW) if name else escaped(raw).encode()


def _form(call: Call, fields: list[str]) -> bytes:
    parts = []
    for field in fields:
        name, _, value = field.partition("=")
        plain, _, _ = value.partition(";")
        head = f'Content-Disposition: form-data; name="{name}"'
        body = value.encode(*_RAW)
        if plain[:1] in ("@", "<"):
            body = _file(call, plain[1:])
        if plain.startswith("@"):
            head += f'; filename="{named(plain[1:])}"\r\nContent-Type: application/octet-stream'
        parts.append(f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode(*_RAW) + body + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def _file(call: Call, path: str) -> bytes:
    try:
        return content(call, path)
    except OSError:
        raise _FailedError(26, "Failed to open/read local data from file/application") from None


def _local(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        raise _FailedError(37, f"Couldn't open file {path}") from None


def _deliver(call: Call, options: Options, response: Response, output: str, path: str) -> None:
    head = response.head + b"\r\n\r\n" if options.has("include") or options.has("head") else b""
    if options.has("named"):
        output = output or named(path)
    if not output or output == "-":
        return call.say(head + response.body)
    try:
        return write(os.path.join(options.last("folder"), output), head + response.body)
    except OSError:
        raise _FailedError(23, "Failure writing output to destination") from None


_RAW = ("utf-8", "surrogateescape")
_DATA = {
    "data": _data,
    "binary": _binary,
    "raw": lambda _call, value: value.encode(*_RAW),
    "encoded": _encoded,
    "json": _binary,
}
