"""The files of one version of a table in a folder: whether they are still there, and the version in another folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from boathouse.core.errors import TableError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_LOG = "_delta_log"
# 00000000000000000007.json, 00000000000000000010.checkpoint.parquet and the like.
_LOG_FILE = re.compile(r"(\d{20})\..+")


def list_files(path: Path, version: int) -> list[str]:
    """Return the data files of ``version``, relative to the folder ``path``.

    Raises:
        TableError: If there is no table, no such version, or files of it are gone.
    """
    import pyarrow as pa

    actions = pa.table(_open_version(path, version).get_add_actions(flatten=True))
    files = [unquote(each) for each in actions["path"].to_pylist()] if actions.num_rows else []
    gone = sum(not (path / file).exists() for file in files)
    if gone:
        raise TableError.vacuumed(path.as_posix(), version, gone)
    return files


def find_problem(path: Path, version: int) -> str:
    """Return why ``version`` cannot be read, or nothing if it can."""
    try:
        list_files(path, version)
    except TableError as error:
        return str(error)
    return ""


def link_version(source: Path, version: int, target: Path) -> None:
    """Make ``target`` a table of its own whose newest version is ``version`` of ``source``.

    Data files become second names of the same files where the file system allows it, else copies: a Delta
    writer never changes a data file, so neither table can alter the other. The log is copied up to
    ``version``, so that versions keep their numbers.

    Raises:
        TableError: If the version cannot be read.
    """
    files = list_files(source, version)
    vectors = [file.name for file in source.glob("deletion_vector_*.bin")]
    (target / _LOG).mkdir(parents=True)
    for name in sorted(each.name for each in (source / _LOG).iterdir()):
        found = _LOG_FILE.fullmatch(name)
        if found and int(found[1]) <= version:
            shutil.copyfile(source / _LOG / name, target / _LOG / name)
    for file in (*files, *vectors):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        _link(source / file, target / file)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _open_version(path: Path, version: int) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if not DeltaTable.is_deltatable(path.as_posix()):
        raise TableError.no_table(path.as_posix(), version)
    newest = DeltaTable(path.as_posix()).version()
    if version > newest:
        raise TableError.missing_version(path.as_posix(), f"version {version}", newest)
    try:
        return DeltaTable(path.as_posix(), version=version)
    except (DeltaError, TableNotFoundError) as error:
        raise TableError.log_cleaned(path.as_posix(), version) from error
