"""The Docker engine behind the `docker` SDK: one connection, its errors as sentences, the guest's image.

Imported only when a Docker jail is really used: the SDK takes longer to import than bubblewrap to start.
"""

from __future__ import annotations

import io
import re
import socket
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from sandbox import messages
from sandbox.jail.interface import Progress

IMAGE_LABEL = "sandbox-load"
STAGE_LABEL = "sandbox-load.stage"  # of what the builder leaves beside the image
# A second name for a base image that wasn't here before `prepare`, so that `remove` knows.
PULLED_BASE = "sandbox-load/base:pulled"
_COLOUR = re.compile(r"\x1b\[\d*m")  # the builder marks standard error with it
_CHUNK = 1 << 20
_TIMEOUT = 60  # seconds for one answer
_KILL_SECONDS = 10  # a runtime needs half of one
_BUILD_TIMEOUT = 1800  # seconds between two of a builder's lines: one step copies all the packages

EngineError = (DockerException, requests.RequestException, OSError)


class Stream:
    """A socket that carries a container's standard streams, out of the SDK's wrappings."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped
        self.socket: socket.socket = wrapped._sock
        self.socket.setblocking(False)

    def close(self) -> None:
        """At once for the engine too, whoever else still refers to the socket."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._wrapped._response.close()
        self._wrapped.close()
        self.socket.close()


class Engine:
    """One connection to one engine. A context manager."""

    def __init__(self, api: APIClient, url: str) -> None:
        self.api: Any = api  # the SDK's type hints are incomplete
        self.url = url

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()

    def has_image(self, tag: str) -> bool:
        try:
            self.api.inspect_image(tag)
        except ImageNotFound:
            return False
        return True

    def containers(self, label: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.containers(all=True, filters={"label": label})
        return found

    def remove_container(self, identity: str) -> None:
        """Kill and remove it; a container that is gone already is fine."""
        try:
            self.api.remove_container(identity, force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            if error.response is None or error.response.status_code != requests.codes.conflict:  # removal under way
                raise

    def main_process(self, identity: str) -> int:
        """The pid, on the engine's machine, of what the runtime has started; 0 once it has ended."""
        return int(self.api.inspect_container(identity)["State"]["Pid"])

    def kill(self, identity: str) -> None:
        """SIGKILL; a container that is gone or has ended already is fine, and so is a runtime that hangs."""
        try:
            with self.patience(_KILL_SECONDS):
                self.api.kill(identity, "SIGKILL")
        except (NotFound, requests.Timeout):  # whether it is removed will show
            pass
        except APIError as error:
            if error.response is None or error.response.status_code != requests.codes.conflict:  # it has ended already
                raise

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait no longer than this for each answer."""
        self.api.timeout = seconds
        try:
            yield
        finally:
            self.api.timeout = _TIMEOUT

    def made_images(self, label: str) -> list[str]:
        """The tags of our images, and the base when it was `prepare` that pulled it."""
        found = [image for wanted in (label, STAGE_LABEL) for image in self.api.images(filters={"label": wanted})]
        found += self.api.images(name=PULLED_BASE)
        return [name for image in found for name in _names(image)]

    def attach(self, identity: str) -> Stream:
        """The container's standard streams."""
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        return Stream(self.api.attach_socket(identity, params=streams))

    def pull(self, name: str, progress: Progress) -> None:
        """Raises HostError when no registry gives it."""
        progress(f"pulling {name}")
        repository, _, tag = name.rpartition(":")
        try:
            for line in self.api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise messages.error("docker.pull", image=name, why=line["error"])
                if line.get("status") in ("Pull complete", "Download complete"):
                    progress(f"{name}: {line.get('id', '')} {line['status'].lower()}")
            self.api.tag(name, *PULLED_BASE.split(":"))
        except EngineError as error:
            raise messages.error("docker.pull", image=name, why=explain(error)) from error

    def build(self, context: Iterable[bytes], tag: str, arguments: dict[str, str], progress: Progress) -> None:
        """Build an image without network. Raises HostError with the builder's own last word."""
        lines = self.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            buildargs=arguments,
            labels={IMAGE_LABEL: tag},
            network_mode="none",
            timeout=_BUILD_TIMEOUT,
            rm=True,
            forcerm=True,
            decode=True,
        )
        try:
            self._follow(lines, progress)
        finally:
            for image in self.api.images(filters={"label": STAGE_LABEL}):
                with suppress(APIError):  # one that a build at the same time needs
                    self.api.remove_image(image["Id"])

    def _follow(self, lines: Iterable[dict[str, Any]], progress: Progress) -> None:
        last = ""
        for line in lines:
            said = _COLOUR.sub("", line.get("stream", "")).strip()
            if said.startswith("Step "):
                progress(f"image: {said}")
            elif said and not said.startswith(("--->", "Removing intermediate container")):
                last = said
            if "error" in line:
                raise messages.error("docker.build", why=line["error"], last=last)


def _names(image: dict[str, Any]) -> list[str]:
    tags = [tag for tag in image["RepoTags"] or () if not tag.startswith("<none>")]
    return tags or [image["Id"]]


def connect(url: str) -> Engine:
    """`url` is unix://PATH. Raises UnpreparedError when nothing answers there."""
    api = None
    try:
        # The SDK forgets to close a socket that could not be connected.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.removeprefix("unix://"))
        api = APIClient(base_url=url, version="auto", timeout=_TIMEOUT)
        api.ping()
    except EngineError as error:
        if api:
            api.close()
        raise messages.error("docker.silent", url=url, why=explain(error)) from error
    return Engine(api, url)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns what the SDK raises into a HostError that says what was being done."""
    try:
        yield
    except EngineError as error:
        raise messages.error("docker.failed", doing=doing, why=explain(error)) from error


def explain(error: BaseException) -> str:
    """The engine's own words where it gave any."""
    return str(getattr(error, "explanation", None) or error)


def tar_stream(sources: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Files and folders as a tar archive, piece by piece, so that none of it is held in memory. Owned by root."""
    for name, path in sources:
        inner = sorted(path.rglob("*")) if path.is_dir() else []
        for entry in (path, *inner):
            at = f"{name}/{entry.relative_to(path).as_posix()}" if entry is not path else name
            yield from _tar_entry(at, entry)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _tar_entry(name: str, path: Path) -> Iterator[bytes]:
    facts = path.stat()
    entry = tarfile.TarInfo(name)
    entry.mode = facts.st_mode & 0o777
    entry.mtime = int(facts.st_mtime)
    if path.is_dir():
        entry.type = tarfile.DIRTYPE
        yield entry.tobuf(tarfile.PAX_FORMAT)
        return
    entry.size = facts.st_size
    yield entry.tobuf(tarfile.PAX_FORMAT)
    with path.open("rb") as file:
        yield from _exactly(file, entry.size)
    yield bytes(-entry.size % tarfile.BLOCKSIZE)


def _exactly(file: io.BufferedReader, size: int) -> Iterator[bytes]:
    while size:
        chunk = file.read(min(_CHUNK, size))
        if not chunk:
            raise messages.error("docker.shrank", file=file.name)
        size -= len(chunk)
        yield chunk
