"""Paths with any characters, for libraries that take a path for an address or a pattern: refused, or named otherwise.

Sail encodes a path twice, classic Spark takes brackets for a pattern and ``${…}`` for a variable, SQLAlchemy ends a
file's name at ``?``, and Kedro takes braces for placeholders and the path of its configuration for a pattern. They
are given a symbolic link with a plain name instead. ``deltalake`` follows links and decodes what it finds, so that
some paths are possible with none.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from boathouse.errors import ConfigError

_PLAIN = re.compile(r"[A-Za-z0-9_./=+@-]*")
# deltalake 1.6.6 decodes the first and takes the second for a slash.
_DECODED = re.compile(r"%[0-9A-Fa-f]{2}|\\")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What a system takes is 4,096 bytes; the rest is for the tables, partitions and files below a data folder.
_LONGEST = 3500


def require_possible(path: str, *, named: str) -> None:
    """Check that tables, models and reports can be kept below ``path``, which need not exist; writes nothing.

    Args:
        path: An absolute path.
        named: What names it, such as ``BOATHOUSE_DATA``, for the message.

    Raises:
        ConfigError: Naming the characters that stand against it.
    """
    for name in dict.fromkeys((path, _resolve(path))):
        reason = _find_obstacle(name)
        if reason:
            message = (
                f"The folder {name!a} cannot be used: {reason}. Nothing was written. Rename it, or set {named} to "
                "another folder; spaces, '#', '?', brackets, quotes and letters of any language are possible."
            )
            raise ConfigError(message)


def _resolve(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


def _find_obstacle(path: str) -> str:
    """Return why nothing can be kept below ``path``, or nothing."""
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "its path is not UTF-8"
    if _CONTROL.search(path):
        return "its path has a line break or another control character"
    found = _DECODED.search(path)
    if found:
        return f"its path has {found[0]}, which the Delta library reads as another character"
    if length > _LONGEST:
        return f"its path has {length} bytes; at most {_LONGEST} leave room for the files in it"
    try:
        os.lstat(path)
    except OSError as error:
        return (
            "" if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError) else str(error.strerror)
        )
    return ""


def is_plain(path: str) -> bool:
    """Return whether every library here takes ``path`` as it is."""
    return _PLAIN.fullmatch(path) is not None


def plain_path(path: str) -> str:
    """Return a path of the same file or folder that every library takes: ``path`` itself, or a link to it.

    The link lies in a folder of this account alone and is the same in every process; what it points to need not exist.

    Raises:
        ConfigError: If there is no folder for links.
    """
    if is_plain(path):
        return path
    suffix = Path(path).suffix
    name = sha256(os.fsencode(path)).hexdigest()[:32] + (suffix if is_plain(suffix) else "")
    link = _link_folder() / name
    with suppress(OSError):
        if link.readlink() == Path(path):
            return link.as_posix()
    draft = link.with_name(f"{name}.{os.getpid()}.{os.urandom(4).hex()}")
    draft.symlink_to(path)
    draft.replace(link)
    return link.as_posix()


def _link_folder() -> Path:
    """Return the folder of links, which no other account can change.

    Raises:
        ConfigError: If no folder for temporary files or caches can hold it.
    """
    places = [Path(place) / f"boathouse-paths-{os.getuid()}" for place in (tempfile.gettempdir(), "/tmp", "/var/tmp")]  # noqa: S108
    places.append(Path.home() / ".cache" / "boathouse-paths")
    for folder in places:
        if not is_plain(folder.as_posix()):
            continue
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
                return folder
    tried = ", ".join(dict.fromkeys(folder.as_posix() for folder in places))
    message = (
        "The data folder's path has characters that need a link with a plain name, and there is no folder for it: "
        f"tried {tried}. Set TMPDIR to a folder of yours without such characters, or rename the data folder."
    )
    raise ConfigError(message)
