"""What the host asks for: one JSON object, the whole configuration of this jail. The host is trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Order:
    """Built from the ORDER frame; every field is required."""

    files: list[tuple[str, str]]  # path inside the jail, and the name that the user has it under: anybody's text
    folder: bool  # whether they are a folder's
    load: bool  # False: --static
    returned: bool  # send the bytes of tensors that only code in the jail made
    preload: list[str]  # frameworks worth importing before the reader is done
    layers: list[str]  # folders of further packages, for the loader alone
    frameworks: list[str]  # modules that may be imported before arming, when the file names them
    read: dict[str, int]
    watch: dict[str, int]
    rlimits: dict[str, int]  # "AS", "NOFILE", ...: of the loader
    uid: int  # of reader and loader; PID 1 has another one where the jail's kernel protects it too little otherwise
    gid: int
    processes: int  # tasks that may live at a time: threads count
    promised: dict[str, int]  # of this jail by the host; `limits.in_force` must find no more under any name
    memory: int  # resident and private bytes of the loader's tree, for the supervisor's own watch
    allowance: float  # CPU seconds that a load of this size may take before they are told
    wall: float  # seconds, from the order on
    linger: float
    exercise: bool  # touch the loaded object after the load
    clock: float  # seconds to shift the load's clock by
    home: str
    variables: dict[str, str]
    decoys: list[tuple[str, str, str]]  # what it is, path below the home, content: one character for each byte
    belongings: list[tuple[str, list[str], str]]  # plain files of the home: folder, names, content
    secrets: dict[str, str]  # what a decoy is -> its unique text
    allowed: list[str]
    confined: list[str]
    absent: list[str]
    watched: list[tuple[str, list[str], str]]
    freedoms: list[str]  # "programs", "writes", "sinkhole": what goes on instead of being denied
    free: list[str]  # the calls that go on for them
    classes: list[dict[str, Any]]  # what the judge tells apart among events: each has rows of its own

    def for_reader(self) -> bytes:
        """What the reader is told."""
        return _line(
            files=self.files,
            folder=self.folder,
            bounds=self.read,
            syscalls=self.confined,
            uid=self.uid,
            gid=self.gid,
        )

    def for_loader(self, observer: str) -> bytes:
        """What the loader is told before it knows the file's format."""
        return _line(
            files=self.files,
            folder=self.folder,
            code=self.folder and bool(self.freedoms),
            preload=self.preload,
            layers=self.layers,
            rlimits=self.rlimits,
            returned=self.returned,
            bounds=self.read,
            witness_bytes=self.read["output_bytes"],
            uid=self.uid,
            gid=self.gid,
            observer=observer,
            allowed=self.allowed,
            absent=self.absent,
            exercise=self.exercise,
            clock=self.clock,
        )

    def for_finder(self, seconds: float, memory: int) -> bytes:
        """What the search for secrets is told: whose, and what it may use."""
        return _line(
            values=self.secrets,
            syscalls=self.confined,
            uid=self.uid,
            gid=self.gid,
            seconds=seconds,
            memory=min(memory, self.memory),
        )


def _line(**values: Any) -> bytes:
    return json.dumps(values).encode("ascii")
