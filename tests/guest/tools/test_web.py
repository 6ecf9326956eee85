"""curl and wget: what they send is what a server would have seen, and how they end is how the real ones do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from guest.tools.web import Url

from tests.guest.tools.conftest import Run, Server

FORM = b"Content-Type: application/x-www-form-urlencoded"


def request_of(server: Server) -> tuple[str, list[bytes], bytes]:
    """Request line, headers, body of the last connection."""
    head, _, body = server.said[-1].partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    return line.decode(), headers, body


def test_curl_prints_the_body_and_tells_what_it_was_asked(run: Run, web: Server) -> None:
    url = f"http://localhost:{web.port}/a?b=c#d"
    done = run("curl", "-s", url, SECRET="xyz")
    assert (done.code, done.out, done.err) == (0, "hello\n", "")
    line, headers, _ = request_of(web)
    assert line == "GET /a?b=c HTTP/1.1"
    assert f"Host: localhost:{web.port}".encode() in headers
    assert (done.told["tool"], done.told["argv"]) == ("curl", ["curl", "-s", url])
    assert done.told["environment"]["SECRET"] == "xyz"
    assert done.told["stdin"] == ""


@pytest.mark.parametrize(
    ("arguments", "line", "header", "body"),
    [
        (["-d", "a=1", "-d", "b=2"], "POST / HTTP/1.1", FORM, b"a=1&b=2"),
        (["--data=a"], "POST / HTTP/1.1", FORM, b"a"),
        (["-d", "@file"], "POST / HTTP/1.1", FORM, b"onetwo"),
        (["--data-binary", "@file"], "POST / HTTP/1.1", FORM, b"one\ntwo\n"),
        (["--data-raw", "@file"], "POST / HTTP/1.1", FORM, b"@file"),
        (["--data-urlencode", "x=a b/&"], "POST / HTTP/1.1", FORM, b"x=a%20b%2F%26"),
        (["--data-urlencode", "x@file"], "POST / HTTP/1.1", FORM, b"x=one%0Atwo%0A"),
        (["--json", "{}"], "POST / HTTP/1.1", b"Content-Type: application/json", b"{}"),
        (["-XPUT", "-dx"], "PUT / HTTP/1.1", FORM, b"x"),
        (["-G", "-d", "q=1"], "GET /?q=1 HTTP/1.1", b"Accept: */*", b""),
        (["-T", "file"], "PUT /file HTTP/1.1", b"Content-Length: 8", b"one\ntwo\n"),
        (["-T", "-"], "PUT /- HTTP/1.1", b"Content-Length: 5", b"piped"),
        (["-d", "@-"], "POST / HTTP/1.1", FORM, b"piped"),
        (["-A", "Mine", "-H", "X-Key: 1"], "GET / HTTP/1.1", b"User-Agent: Mine", b""),
        (["-H", "X-Key: 1"], "GET / HTTP/1.1", b"X-Key: 1", b""),
        (["-H", "Content-Type: text/plain", "-d", "a"], "POST / HTTP/1.1", b"Content-Type: text/plain", b"a"),
        (["-u", "me:pw"], "GET / HTTP/1.1", b"Authorization: Basic bWU6cHc=", b""),
        (["-b", "k=v"], "GET / HTTP/1.1", b"Cookie: k=v", b""),
        (["-sSLkfm", "5", "-w", "%{http_code}"], "GET / HTTP/1.1", b"Accept: */*", b""),
    ],
)
def test_what_curl_sends(
    run: Run, web: Server, tmp_path: Path, arguments: list[str], line: str, header: bytes, body: bytes
) -> None:
    (tmp_path / "file").write_bytes(b"one\ntwo\n")
    piped = b"piped" if arguments[1:] in (["-"], ["@-"]) else None
    done = run("curl", *arguments, f"http://127.0.0.1:{web.port}/", given=piped)
    assert (done.code, done.out) == (0, "hello\n")
    seen, headers, sent = request_of(web)
    assert (seen, sent) == (line, body)
    assert header in headers
    assert sum(name.lower().startswith(b"content-type") for name in headers) <= 1


def test_a_form_is_sent_with_the_files_in_it(run: Run, web: Server, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"SECRET")
    run("curl", "-F", "f=@key;type=text/plain", "-F", "n=1", f"127.0.0.1:{web.port}/up")
    line, headers, body = request_of(web)
    assert line == "POST /up HTTP/1.1"
    assert any(header.startswith(b"Content-Type: multipart/form-data; boundary=") for header in headers)
    assert b'name="f"; filename="key"\r\nContent-Type: application/octet-stream\r\n\r\nSECRET\r\n' in body
    assert b'name="n"\r\n\r\n1\r\n' in body


def test_curl_writes_files(run: Run, web: Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{web.port}/stage2.sh?x"
    assert run("curl", "-fsSL", url, "-o", "out").out == ""
    assert run("curl", "-O", url).out == ""
    assert (tmp_path / "out").read_bytes() == (tmp_path / "stage2.sh").read_bytes() == b"hello\n"
    assert run("curl", "-i", url).out == "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
    assert run("curl", "-o", "/nowhere/x", url).code == 23


def test_curl_follows(run: Run, web: Server, serving: Callable[..., Server]) -> None:
    moved = serving(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{web.port}/there\r\n\r\n".encode())
    assert run("curl", "-L", f"http://127.0.0.1:{moved.port}/").out == "hello\n"
    assert request_of(web)[0] == "GET /there HTTP/1.1"


def test_a_body_in_chunks_is_put_together(run: Run, serving: Callable[..., Server]) -> None:
    chunked = serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n")
    assert run("curl", f"http://127.0.0.1:{chunked.port}/").out == "abcde"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "curl --help"),
        (["http://nothing.invalid/"], 6, "curl: (6) Could not resolve host: nothing.invalid"),
        (["http://127.0.0.1:{closed}/"], 7, "curl: (7) Failed to connect to 127.0.0.1 port {closed}"),
        (["-s", "http://127.0.0.1:{closed}/"], 7, ""),
        (["-sS", "http://127.0.0.1:{closed}/"], 7, "curl: (7)"),
        (["http://"], 3, "curl: (3)"),
        (["gopher://127.0.0.1/"], 1, 'curl: (1) Protocol "gopher"'),
        (["-T", "absent", "http://127.0.0.1:{closed}/"], 26, "curl: (26)"),
        (["file:///absent"], 37, "curl: (37)"),
    ],
)
def test_how_curl_fails(run: Run, closed: int, arguments: list[str], code: int, words: str) -> None:
    done = run("curl", *(word.format(closed=closed) for word in arguments))
    assert done.code == code
    assert words.format(closed=closed) in done.err
    assert bool(words) == bool(done.err)


@pytest.mark.parametrize(("name", "code"), [("curl", 35), ("wget", 5)])
def test_a_handshake_that_ends_shows_the_name_it_was_for(
    run: Run, serving: Callable[..., Server], name: str, code: int
) -> None:
    hangs_up = serving(expected=1)
    done = run(name, f"https://localhost:{hangs_up.port}/")
    assert done.code == code
    assert b"\x16\x03\x01" in hangs_up.said[0][:3]
    assert b"localhost" in hangs_up.said[0]


def test_curl_says_what_the_server_did_not(run: Run, serving: Callable[..., Server]) -> None:
    assert run("curl", f"http://127.0.0.1:{serving().port}/").code == 52
    absent = serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert run("curl", "-f", f"http://127.0.0.1:{absent.port}/").code == 22
    assert run("wget", f"http://127.0.0.1:{absent.port}/").code == 8


def test_wget_writes_prints_and_sends(run: Run, web: Server, tmp_path: Path) -> None:
    (tmp_path / "loot").write_bytes(b"SECRET")
    url = f"http://127.0.0.1:{web.port}/x.sh"
    assert (run("wget", url).code, (tmp_path / "x.sh").read_text()) == (0, "hello\n")
    assert run("wget", "-qO-", url).out == "hello\n"
    assert run("wget", "-q", "--post-file=loot", "-O", "/dev/null", url).err == ""
    line, headers, body = request_of(web)
    assert (line, body) == ("POST /x.sh HTTP/1.1", b"SECRET")
    assert b"User-Agent: Wget/1.21.3" in headers
    run("wget", "--method=PUT", "--body-data=a", "--header", "X: y", "-O", "out", url)
    line, headers, body = request_of(web)
    assert (line, body) == ("PUT /x.sh HTTP/1.1", b"a")
    assert b"X: y" in headers


def test_how_wget_fails(run: Run, closed: int) -> None:
    assert run("wget").code == 1
    assert run("wget", f"127.0.0.1:{closed}/").code == 4
    assert "unable to resolve host address 'nothing.invalid'" in run("wget", "http://nothing.invalid/").err


def test_a_server_that_keeps_silent_does_not_hold_the_load_up(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(silent.accept()[0]))
        thread.start()
        assert run("curl", "-s", f"http://127.0.0.1:{silent.getsockname()[1]}/").code == 52
        thread.join()
        taken[0].close()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("example.com", ("http", "example.com", 80, "/", "")),
        ("HTTPS://u:p@h/x?y#z", ("https", "h", 443, "/x?y", "u:p")),
        ("http://[::1]:81?q", ("http", "::1", 81, "/?q", "")),
        ("h:1/a@b", ("http", "h", 1, "/a@b", "")),
    ],
)
def test_the_parts_of_a_url(text: str, parts: tuple[str, str, int, str, str]) -> None:
    url = Url(text)
    assert (url.scheme, url.host, url.port, url.path, url.user) == parts


@pytest.mark.parametrize(("text", "place"), [("", ""), ("http://", ""), ("http://h:x/", "h:x"), ("http://:80/", ":80")])
def test_what_is_no_url(text: str, place: str) -> None:
    with pytest.raises(ValueError, match=f"^{place}$"):
        Url(text)
