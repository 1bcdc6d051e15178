"""SQL that reads tables by name, ``<catalog>.<schema>.<table>``, in a catalog or in the folders of a lakehouse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import TableError
from boathouse.namespaces import name_environment, namespace_of
from boathouse.tables.delta_log import open_log
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

# Texts and comments, which name no table; then names, in backticks or plain; then anything else, one by one.
_TOKENS = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<name>(?:`[^`]+`|[A-Za-z_]\w*)(?:\s*\.\s*(?:`[^`]+`|[A-Za-z_]\w*))*)"""
    r"""|(?P<other>.)""",
    re.DOTALL,
)
_PART = re.compile(r"`[^`]+`|\w+")
# What a query begins with, and what changes something wherever it stands.
_BEGINS = frozenset({"select", "with", "values", "from"})
_CHANGES = frozenset(
    {"insert", "merge", "update", "delete", "create", "drop", "alter", "truncate", "copy", "optimize", "vacuum"}
)
_NAME_PARTS = 3


@dataclass(frozen=True)
class QueryTables:
    """The tables that a query can name.

    Attributes:
        environment: Environment of names of two parts, ``<schema>.<table>``, which stand for its catalog and schemas.
        engine: Who runs the query.
        root: Folder of the lakehouse; its folders are the catalogs.
    """

    environment: str
    engine: str
    root: str

    def run(self, query: str) -> DataFrame:
        """Return the result, lazily; where tables go by name, the catalog finds them.

        Raises:
            TableError: If the text is no single query, or names a table of a schema that does not have it.
        """
        tokens = list(_TOKENS.finditer(query.strip().rstrip(";").rstrip()))
        _check_reads([each for each in tokens if each.lastgroup != "text" and each.group().strip()])
        place = self._locate("any.table")
        session = place.session()
        if place.path is None:
            return session.sql("".join(map(self._complete, tokens)))
        views: dict[str, str] = {}
        rewritten = "".join(self._rewrite(each, views) for each in tokens)
        return session.sql(rewritten)

    def fetch(self, query: str, *, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return names of columns and at most ``limit`` rows of the result.

        Raises:
            TableError: As :meth:`run`, and if the engine cannot run the query, such as for a column that is missing.
        """
        from pyspark.errors import PySparkException

        try:
            found = self.run(query)
            return found.columns, [tuple(row) for row in found.limit(limit).collect()]
        except PySparkException as error:
            # The first line has the reason; what follows are details of the connection.
            reason = str(error).strip().split(" <- ")[0].splitlines()[0]
            raise TableError(
                f"Expected a query that engine '{self.engine}' can run, found: {reason}. Nothing was changed. "
                "A query for * with --limit 1 shows a table's columns; boathouse sql without a query the tables."
            ) from error

    def list_tables(self) -> list[TableLocation]:
        """Return the tables of the environment, by name.

        Raises:
            TableError: Where tables go by name, since the catalog lists them.
        """
        place, own = self._locate("any.table"), namespace_of(self.environment)
        if place.path is None:
            raise TableError(
                f"Tables of '{self.environment}' are in the catalog, which lists them: SHOW TABLES IN "
                f"{own.full_name('<schema>')}, in a notebook or the SQL editor."
            )
        return self._list_folders(own.catalog, f"{own.schema_prefix}*")

    def _list_folders(self, catalog: str, schemas: str) -> list[TableLocation]:
        logs = Path(self.root).absolute().joinpath(catalog).glob(f"{schemas}/*/_delta_log")
        names = (f"{catalog}.{log.parent.parent.name}.{log.parent.name}" for log in sorted(logs))
        return [TableLocation(name, self.engine, self.root) for name in names]

    def _complete(self, token: re.Match[str]) -> str:
        """Return the text of one token; a table named by schema and table is the environment's.

        Unlike a folder's, a catalog's session has a current catalog, which is another one's or none's.
        """
        if token.lastgroup != "name":
            return token.group()
        parts = [part.strip("`") for part in _PART.findall(token.group())]
        if len(parts) != _NAME_PARTS - 1 or self._find(parts) is None:
            return token.group()
        return self._locate(".".join(parts)).sql_name

    def _rewrite(self, token: re.Match[str], views: dict[str, str]) -> str:
        """Return the text of one token, the name of a table replaced by that of what the session reads."""
        if token.lastgroup != "name":
            return token.group()
        parts = [part.strip("`") for part in _PART.findall(token.group())]
        for count in (_NAME_PARTS, _NAME_PARTS - 1):
            location = self._find(parts[:count]) if len(parts) >= count else None
            if location is not None:
                rest = "".join(f".`{part}`" for part in parts[count:])
                return _name_in(location, views) + rest
        if len(parts) == _NAME_PARTS:
            self._refuse_unknown(parts)
        return token.group()

    def _find(self, parts: list[str]) -> TableLocation | None:
        """Return the table of a name of two or three parts; None if there is none."""
        location = self._locate(".".join(parts))
        return location if open_log(location).exists() else None

    def _locate(self, name: str) -> TableLocation:
        is_full = name.count(".") == _NAME_PARTS - 1
        full = name if is_full else namespace_of(self.environment).full_name(name)
        return TableLocation(full, self.engine, self.root)

    def _refuse_unknown(self, parts: list[str]) -> None:
        """Refuse a table that its schema does not have, with those it has; a name of no schema may be a column."""
        folder = Path(self.root).absolute().joinpath(*parts[:2])
        if not folder.is_dir():
            return
        known = ", ".join(each.table for each in self._list_folders(*parts[:2]))
        raise TableError(
            f"Expected a table, found '{'.'.join(parts)}', which does not exist. In {'.'.join(parts[:2])} there are: "
            f"{known or 'none'}. List all: boathouse sql --env {name_environment('.'.join(parts))}"
        )


def _name_in(location: TableLocation, views: dict[str, str]) -> str:
    """Return the name of a view of the table's newest version, made at its first use."""
    if location.table not in views:
        views[location.table] = "_".join(["table", *location.table.split(".")])
        location.read(location.require_version()).createOrReplaceTempView(views[location.table])
    return views[location.table]


def _check_reads(tokens: list[re.Match[str]]) -> None:
    """Refuse what is no single query.

    Raises:
        TableError: Naming the word.
    """
    words = [each.group().lower() for each in tokens]
    first = next((word for word in words if word != "("), "nothing")
    found = [first] if first not in _BEGINS else list(_changing(words))
    if found:
        raise TableError(
            f"Expected one query that reads (SELECT, WITH, VALUES or FROM), found '{found[0]}'. Nothing was run. "
            "Tables are written by pipelines: kedro run --help. A column of that name goes into backticks."
        )


def _changing(words: list[str]) -> Iterator[str]:
    yield from (word for word in words if word in _CHANGES or word == ";")
