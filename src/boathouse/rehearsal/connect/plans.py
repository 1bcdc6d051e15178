"""Plans of Spark Connect: every place that names a table or schema is rewritten, and what it needs is collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from boathouse.rehearsal.connect.catalog import SPARK_CATALOG, full_name
from boathouse.rehearsal.connect.deep_plans import visit_detached
from boathouse.rehearsal.connect.refusals import RefusedError, catalog_not_found
from boathouse.rehearsal.connect.sql_reading import ReadStatement, Use, complete_name, is_listing, read_statement
from boathouse.rehearsal.connect.sql_tokens import quote, split_name

if TYPE_CHECKING:
    from boathouse.rehearsal.connect.catalog import Catalogs

_TABLE_LEVELS = 3
_SCHEMA_LEVELS = 2
_READERS = frozenset({"ListColumns", "GetTable", "IsCached", "CacheTable", "UncacheTable", "RefreshTable"})
_LISTINGS = frozenset({"ListTables", "ListDatabases", "GetTable", "GetDatabase", "ListViews"})


@dataclass
class PlanFacts:
    """What was found in a plan.

    Attributes:
        kinds: What it does beside SQL, such as ``saveAsTable`` or ``tableExists``; nothing for a query.
        uses: Rights that it needs.
        texts: SQL in the workspace's names, with what they are.
        is_listing: Whether its rows have names of tables and schemas in them.
        replaced: Tables that are made again, without what was declared of them.
        current: Catalog and schema that names of fewer parts belong to afterwards; None if that does not change.
    """

    kinds: list[str] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    texts: list[tuple[str, ReadStatement]] = field(default_factory=list)
    is_listing: bool = False
    replaced: list[str] = field(default_factory=list)
    current: tuple[str, str] | None = None


class PlanReader:
    """Rewrites one plan in place."""

    def __init__(self, catalogs: Catalogs, current: tuple[str, str], *, serverless: bool) -> None:
        """Remember the catalogs, the current catalog and schema, and whether compute is serverless."""
        self._catalogs, self._current, self._serverless = catalogs, current, serverless
        self._commands = 0
        self.facts = PlanFacts()

    def read(self, message: Message) -> PlanFacts:
        """Rewrite all names in ``message`` and return what was found.

        Raises:
            RefusedError: If a name's catalog or schema was not created, or the compute does not do that.
        """
        self._visit(message)
        return self.facts

    def _visit(self, message: Message) -> None:
        name = message.DESCRIPTOR.full_name.removeprefix("spark.connect.")
        if name == "google.protobuf.Any":
            visit_detached(message, self._visit)
            return
        handle = _HANDLERS.get(name)
        if handle is not None:
            handle(self, message)
        elif name in _CATALOG_KINDS:
            self._read_catalog(name, message)
        for each in _list_parts(message):
            self._visit(each)

    def _map_table(self, text: str, privilege: str) -> str:
        """Return a table's name for Spark; one part may be a temporary view's, which has no catalog."""
        parts = split_name(text)
        if len(parts) > 1:
            parts = complete_name(parts, self._catalogs, self._current)
        elif all(self._current) and self._catalogs.exists(full_name((*self._current, *parts))):
            parts = (*self._current, *parts)
        if len(parts) < _TABLE_LEVELS:
            return text
        self.facts.uses.append(Use(privilege=privilege, name=full_name(parts)))
        return quote(self._catalogs.spark_name(parts))

    def _map_schema(self, text: str) -> str:
        """Return a schema's name for Spark; one that was not created gets a name that Spark does not have either."""
        parts = self._catalogs.original(split_name(text))
        if len(parts) == 1 and self._current[0]:
            parts = (self._current[0], *parts)
        if len(parts) != _SCHEMA_LEVELS:
            return text
        if not self._catalogs.has_schema(*parts):
            return quote(parts[1:])
        return quote(self._catalogs.spark_name(parts))

    def _read_named_table(self, message: Any) -> None:  # noqa: ANN401 - a message of Spark Connect
        message.unparsed_identifier = self._map_table(message.unparsed_identifier, "SELECT")

    def _read_sql(self, message: Any) -> None:  # noqa: ANN401
        if not self._commands:
            # Rows of a statement that was read before: the server gives clients its text back.
            found = read_statement(message.query, self._catalogs, self._current)
            self.facts.uses += found.uses
            message.query = found.text

    def _read_sql_command(self, message: Any) -> None:  # noqa: ANN401
        text = message.input.sql.query if message.input.HasField("sql") else message.sql
        found = read_statement(text, self._catalogs, self._current)
        self._commands += 1
        self.facts.uses += found.uses
        self.facts.texts.append((text, found))
        self.facts.is_listing |= is_listing(found.kind)
        if message.sql:
            message.sql = found.text
        if message.input.HasField("sql"):
            message.input.sql.query = found.text

    def _read_write(self, message: Any) -> None:  # noqa: ANN401
        if message.HasField("table"):
            table = message.table
            self.facts.kinds.append("saveAsTable")
            table.table_name = self._map_table(table.table_name, "WRITE")
            is_whole = message.mode == message.SAVE_MODE_OVERWRITE and not _replaces_part(message.options)
            self.facts.replaced += [self.facts.uses[-1].name] if is_whole and self.facts.uses else []
        else:
            self.facts.kinds.append("save")

    def _read_write_v2(self, message: Any) -> None:  # noqa: ANN401
        self.facts.kinds.append("writeTo")
        message.table_name = self._map_table(message.table_name, "WRITE")

    def _read_merge(self, message: Any) -> None:  # noqa: ANN401
        self.facts.kinds.append("mergeInto")
        message.target_table_name = self._map_table(message.target_table_name, "MODIFY")

    def _read_stream(self, message: Any) -> None:  # noqa: ANN401
        self.facts.kinds.append("writeStream")
        if self._serverless and not (message.available_now or message.once):
            text = (
                "Trigger type is not supported for this cluster type. Use a different trigger type e.g. AvailableNow."
            )
            raise RefusedError("INFINITE_STREAMING_TRIGGER_NOT_SUPPORTED", "0A000", text)
        if message.table_name:
            message.table_name = self._map_table(message.table_name, "WRITE")

    def _read_view(self, _message: Any) -> None:  # noqa: ANN401
        self.facts.kinds.append("createTempView")

    def _read_catalog(self, name: str, message: Any) -> None:  # noqa: ANN401
        self.facts.kinds.append(name[0].lower() + name[1:])
        self.facts.is_listing |= name in _LISTINGS
        fields = {descriptor.name for descriptor in message.DESCRIPTOR.fields}
        if "catalog_name" in fields:
            if not self._catalogs.has_catalog(message.catalog_name):
                raise catalog_not_found(message.catalog_name)
            self.facts.current = (message.catalog_name, "")
            message.catalog_name = SPARK_CATALOG
        elif "table_name" in fields:
            self._read_catalog_table(name, message)
        elif "db_name" in fields and message.db_name:
            message.db_name = self._map_schema(message.db_name)

    def _read_catalog_table(self, name: str, message: Any) -> None:  # noqa: ANN401
        db = getattr(message, "db_name", "")
        parts = (*split_name(db), message.table_name) if db else split_name(message.table_name)
        if name == "TableExists":
            # Neither the platform nor Spark fails where the schema is missing: there is no such table.
            parts = complete_name(parts, self._catalogs, self._current)
            known = len(parts) == _TABLE_LEVELS and self._catalogs.has_schema(*parts[:_SCHEMA_LEVELS])
            message.table_name = quote(self._catalogs.spark_name(parts)) if known else quote(parts[-1:])
            if len(parts) == _TABLE_LEVELS and not known:
                message.table_name = quote(("no_such_schema__", parts[-1]))
        else:
            message.table_name = self._map_table(quote(parts), "SELECT" if name in _READERS else "WRITE")
        if db:
            message.ClearField("db_name")

    def _refuse_compressed(self, _message: Any) -> None:  # noqa: ANN401
        text = "The plan is compressed; this server reads plans as they are."
        # Clients send the plan again as it is after this error.
        raise RefusedError("CONNECT_INVALID_PLAN.CANNOT_PARSE", "56K00", text)


def _list_parts(message: Message) -> Iterator[Message]:
    """Give the messages that ``message`` has in its fields, lists and maps."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if isinstance(value, Message):
            yield value
        else:
            several = value.values() if hasattr(value, "values") else value
            yield from (each for each in several if isinstance(each, Message))


def _replaces_part(options: Mapping[str, str]) -> bool:
    return any(name.lower() in {"replacewhere", "partitionoverwritemode"} for name in options)


_HANDLERS: dict[str, Callable[[PlanReader, Any], None]] = {
    "Read.NamedTable": PlanReader._read_named_table,  # noqa: SLF001 - methods of this module's class
    "SQL": PlanReader._read_sql,  # noqa: SLF001
    "SqlCommand": PlanReader._read_sql_command,  # noqa: SLF001
    "WriteOperation": PlanReader._read_write,  # noqa: SLF001
    "WriteOperationV2": PlanReader._read_write_v2,  # noqa: SLF001
    "MergeIntoTableCommand": PlanReader._read_merge,  # noqa: SLF001
    "WriteStreamOperationStart": PlanReader._read_stream,  # noqa: SLF001
    "CreateDataFrameViewCommand": PlanReader._read_view,  # noqa: SLF001
    "Plan.CompressedOperation": PlanReader._refuse_compressed,  # noqa: SLF001
}
# Messages of the catalog that name a table or a schema, or are counted.
_CATALOG_KINDS = frozenset(
    "ListTables ListDatabases ListColumns ListViews GetTable GetDatabase TableExists DatabaseExists CreateTable "
    "CreateExternalTable DropTempView SetCurrentCatalog SetCurrentDatabase IsCached CacheTable UncacheTable "
    "RefreshTable RecoverPartitions CurrentCatalog CurrentDatabase DropTable TruncateTable AnalyzeTable "
    "GetTableProperties GetCreateTableString ListPartitions CreateDatabase DropDatabase".split()
)
