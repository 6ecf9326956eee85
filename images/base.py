"""Runs while the image is built: checks that the base can hold the guest, then removes what a payload could use.

Afterwards there is one program in the image, /usr/bin/python3, as in the bubblewrap jail.
"""

import ctypes
import importlib
import os
import shutil
import site
import stat
import sys
from pathlib import Path

INTERPRETER = Path("/usr/bin/python3")  # where every jail has it
FOLDERS_OF_PROGRAMS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
UNUSED = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/var/lib/apt", "/var/cache/apt", "/usr/lib/apt")
MOUNT_POINTS = ("/code", "/model", "/home/user", "/tmp", "/proc", "/sys", "/dev")  # noqa: S108
STANDARD_LIBRARY = ("bz2", "ctypes", "hashlib", "lzma", "multiprocessing", "sqlite3", "ssl", "zlib")


def check() -> None:
    wanted, found = os.environ["PYTHON"], "{}.{}".format(*sys.version_info[:2])
    if found != wanted:
        sys.exit(f"the base image has Python {found}, the guest needs {wanted}")
    for module in STANDARD_LIBRARY:
        importlib.import_module(module)
    ctypes.CDLL("libseccomp.so.2")


def remove_programs() -> None:
    if not INTERPRETER.exists():
        INTERPRETER.symlink_to(Path(sys.executable).resolve())
    kept = {INTERPRETER, INTERPRETER.resolve()}
    kept |= {Path(folder).resolve() / path.name for folder in FOLDERS_OF_PROGRAMS for path in kept}
    for folder in {Path(name).resolve() for name in FOLDERS_OF_PROGRAMS}:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path not in kept:
                path.unlink()


def remove_the_rest() -> None:
    for folder in (*UNUSED, *site.getsitepackages()):
        shutil.rmtree(folder, ignore_errors=True)
    for folder, _, names in os.walk("/"):
        if folder.startswith(("/proc", "/sys", "/dev")):
            continue
        for path in (Path(folder, name) for name in names):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                path.chmod(stat.S_IMODE(mode) & 0o777)


def main() -> None:
    check()
    remove_programs()
    remove_the_rest()
    for folder in MOUNT_POINTS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path(__file__).unlink()


main()
