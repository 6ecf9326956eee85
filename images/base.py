"""Runs while the image is built: checks that the base can hold the guest, then removes what a payload could use.

Afterwards there is one program in the image's own folders, /usr/bin/python3, as in the bubblewrap jail. Those that a
policy may let a load run are in /programs, under every name of programs.toml; /usr/bin has a link to each. Where the
policy runs none an empty folder stands over /programs, and the links lead nowhere.
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
NAMES = Path("/programs.toml")
PROGRAMS = Path("/programs")
TOOL = Path("/code/guest/tools/tool")  # mounted at each start
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


def keep_programs(names: dict[str, list[str]], programs: Path, path: str) -> None:
    """Fill the folder with copies of the real ones that are on the path, and with links to what else has a name."""
    programs.mkdir()
    for name in names["real"]:
        found = shutil.which(name, path=path)
        if found:
            shutil.copyfile(found, programs / name)
            (programs / name).chmod(0o755)
    for target, linked in ((TOOL, names["tools"]), (INTERPRETER, names["python"])):
        for name in linked:
            (programs / name).symlink_to(target)


def link_programs(programs: Path, folder: Path) -> None:
    """A link in the folder for every name that isn't taken there."""
    for program in programs.iterdir():
        link = folder / program.name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(program)


def remove_programs() -> None:
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
    import tomllib  # noqa: PLC0415 - older than the guest's Python there is none, and check() says so

    if not INTERPRETER.exists():
        INTERPRETER.symlink_to(Path(sys.executable).resolve())
    keep_programs(tomllib.loads(NAMES.read_text(encoding="utf-8")), PROGRAMS, os.pathsep.join(FOLDERS_OF_PROGRAMS))
    remove_programs()
    for folder in {Path(name).resolve() for name in ("/bin", "/usr/bin")}:
        link_programs(PROGRAMS, folder)
    remove_the_rest()
    for folder in MOUNT_POINTS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    NAMES.unlink()
    Path(__file__).unlink()


if __name__ == "__main__":
    main()
