"""Opens the user's path, once: a file, or a folder of files. All that follows uses the descriptors."""

from __future__ import annotations

from sandbox.stage.file import StagedFile
from sandbox.stage.input import Staged, stage

__all__ = ["Staged", "StagedFile", "stage"]
