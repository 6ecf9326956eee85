"""Where runner.py, images/ and configs/ are: the checkout's, or the copies in the installed wheel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sandbox import messages

# The one file of the guest that is started by its name; everything else is imported.
_TOOL = "tools/tool"
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Bundle:
    """The parts that are not host code. `root` holds runner.py, images/ and configs/."""

    root: Path

    @property
    def configs(self) -> Path:
        return self.root / "configs"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def lock(self) -> Path:
        return self.images / "requirements.lock"

    def sources(self) -> dict[str, bytes]:
        """The guest's code, by the names that it has in a jail."""
        guest = self.images / "guest"
        files = {"runner.py": self.root / "runner.py", "wire.py": _PACKAGE / "untrusted" / "wire.py"}
        files |= {
            f"guest/{path.relative_to(guest).as_posix()}": path for path in (*guest.rglob("*.py"), *guest.glob(_TOOL))
        }
        return {name: files[name].read_bytes() for name in sorted(files)}

    def write_code(self, folder: Path) -> str:
        """Lay out /code for a jail in an empty folder, readable by any uid; return the digest of all of it.

        Byte-code comes beside it, made of these very sources by the jail's interpreter (jail/bytecode.py).
        """
        digest = hashlib.sha256()
        folder.chmod(0o755)
        for name, content in self.sources().items():
            target = folder / name
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            target.parent.chmod(0o755)
            target.write_bytes(content)
            target.chmod(0o755 if name == f"guest/{_TOOL}" else 0o644)
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def find() -> Bundle:
    """The checkout when the package stands in one, so that an editable install never runs a stale copy."""
    for root in (_PACKAGE.parent, _PACKAGE / "_bundle"):
        if (root / "runner.py").is_file() and (root / "configs").is_dir():
            return Bundle(root)
    raise messages.error("installation")
