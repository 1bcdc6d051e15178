"""SQL statements that only Unity Catalog knows: read word by word, checked against the tables, and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.rehearsal.connect.catalog import full_name
from boathouse.rehearsal.connect.refusals import RefusedError, syntax_error
from boathouse.rehearsal.connect.sql_tokens import Token, significant, split_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.rehearsal.connect.catalog import Catalogs

_SECURABLES = ("CATALOG", "SCHEMA", "DATABASE", "TABLE", "VIEW", "VOLUME", "FUNCTION", "MODEL", "COLUMN")
_CONSTRAINT_OPTIONS = frozenset("NOT ENFORCED DEFERRABLE INITIALLY DEFERRED NORELY RELY".split())
PRIVILEGES = frozenset("ALL APPLY BROWSE CREATE EXECUTE EXTERNAL MANAGE MODIFY READ REFRESH SELECT USE WRITE".split())


@dataclass(frozen=True, kw_only=True)
class UnityStatement:
    """One statement that was understood.

    Attributes:
        kind: Such as ``ADD PRIMARY KEY``.
        name: The securable in small letters, ``catalog[.schema[.object]]`` as far as it was given.
        columns: Columns that it names.
        times: Those of them that are TIMESERIES.
        label: Name of a constraint or principal; empty without.
        tags: Keys and values.
    """

    kind: str
    name: tuple[str, ...]
    columns: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    label: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_about_table(self) -> bool:
        """Whether its name is a table's."""
        return self.kind.startswith(("ADD ", "DROP PRIMARY", "SET "))


class _Cursor:
    """Reads a statement from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._place = text, significant(split_tokens(text)), 0

    def peek(self) -> Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else Token("end", "")

    def take(self, *words: str) -> bool:
        """Step over these words if they are what comes next."""
        following = self._tokens[self._place : self._place + len(words)]
        found = [token.keyword or token.text for token in following]
        if found != list(words):
            return False
        self._place += len(words)
        return True

    def need(self, *words: str) -> None:
        if not self.take(*words):
            raise self.error()

    def name(self) -> tuple[str, ...]:
        parts = [self.word()]
        while self.take("."):
            parts.append(self.word())
        return tuple(parts)

    def word(self) -> str:
        token = self.peek()
        if token.kind not in ("word", "quoted"):
            raise self.error()
        self._place += 1
        return token.part

    def value(self) -> str:
        """Return a text or a word."""
        token = self.peek()
        if token.kind == "text":
            self._place += 1
            return token.text[1:-1]
        return self.word()

    def listed(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return names in brackets, each with the words after it."""
        self.need("(")
        found: list[tuple[str, tuple[str, ...]]] = []
        while True:
            name, words = self.word(), []
            while self.peek().kind == "word":
                words.append(self.word().upper())
            found.append((name, tuple(words)))
            if self.take(")"):
                return found
            self.need(",")

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return keys and values in brackets."""
        self.need("(")
        found = []
        while True:
            key = self.value()
            found.append((key, self.value() if self.take("=") else ""))
            if self.take(")"):
                return tuple(found)
            self.need(",")

    def end(self) -> None:
        if self.peek().kind != "end":
            raise self.error()

    def error(self) -> RefusedError:
        shown = self.peek().text
        return syntax_error(f"'{shown}'" if shown else "", self._text)


def read_unity_statement(text: str) -> UnityStatement | None:
    """Return what ``text`` says; None if it is no statement of Unity Catalog's own, which Spark then reads.

    Raises:
        RefusedError: ``PARSE_SYNTAX_ERROR`` if it begins as one and cannot be read.
    """
    cursor = _Cursor(text)
    for beginning, read in _READERS:
        if cursor.take(*beginning):
            found = read(cursor)
            if found is not None:
                cursor.end()
            return found
    return None


def _read_alter_table(cursor: _Cursor) -> UnityStatement | None:
    name = cursor.name()
    if cursor.take("ADD"):
        return _read_constraint(cursor, name)
    if cursor.take("DROP", "PRIMARY", "KEY"):
        cursor.take("IF", "EXISTS")
        _ = cursor.take("RESTRICT") or cursor.take("CASCADE")
        return UnityStatement(kind="DROP PRIMARY KEY", name=name)
    if cursor.take("SET", "TAGS") or cursor.take("UNSET", "TAGS"):
        return UnityStatement(kind="SET TAGS", name=name, tags=cursor.pairs())
    if cursor.take("ALTER", "COLUMN") or cursor.take("ALTER"):
        return _read_alter_column(cursor, name)
    return None


def _read_alter_column(cursor: _Cursor, name: tuple[str, ...]) -> UnityStatement | None:
    column = cursor.word()
    if cursor.take("SET", "NOT", "NULL"):
        return UnityStatement(kind="SET NOT NULL", name=name, columns=(column,))
    if cursor.take("SET", "TAGS"):
        return UnityStatement(kind="SET TAGS", name=name, columns=(column,), tags=cursor.pairs())
    return None


def _read_constraint(cursor: _Cursor, name: tuple[str, ...]) -> UnityStatement | None:
    label = cursor.word() if cursor.take("CONSTRAINT") else ""
    if cursor.take("FOREIGN", "KEY"):
        columns = tuple(column for column, _ in cursor.listed())
        cursor.need("REFERENCES")
        cursor.name()
        if cursor.peek().text == "(":
            cursor.listed()
        _skip_options(cursor)
        return UnityStatement(kind="ADD FOREIGN KEY", name=name, columns=columns, label=label)
    if not cursor.take("PRIMARY"):
        if label and not cursor.take("CHECK"):
            raise cursor.error()
        return None
    cursor.need("KEY")
    listed = cursor.listed()
    if any(words not in ((), ("TIMESERIES",)) for _, words in listed):
        raise cursor.error()
    _skip_options(cursor)
    return UnityStatement(
        kind="ADD PRIMARY KEY",
        name=name,
        columns=tuple(column for column, _ in listed),
        times=tuple(column for column, words in listed if words),
        label=label,
    )


def _skip_options(cursor: _Cursor) -> None:
    while cursor.peek().keyword in _CONSTRAINT_OPTIONS:
        cursor.word()


def _read_comment(cursor: _Cursor) -> UnityStatement | None:
    kind = next((each for each in _SECURABLES if cursor.take(each)), "")
    name = cursor.name()
    cursor.need("IS")
    is_null = cursor.take("NULL")
    if not is_null and cursor.peek().kind != "text":
        raise cursor.error()
    if kind == "TABLE":
        return None  # Delta keeps the comment of a table
    if not is_null:
        cursor.value()
    return UnityStatement(kind=f"COMMENT ON {kind}", name=name)


def _read_grant(cursor: _Cursor, kind: str, to: str) -> UnityStatement:
    privileges = [_read_privilege(cursor)]
    while cursor.take(","):
        privileges.append(_read_privilege(cursor))
    cursor.need("ON")
    cursor.take("REGISTERED")
    _ = next((each for each in _SECURABLES if cursor.take(each)), "TABLE")
    name = cursor.name()
    cursor.need(to)
    principal = cursor.value()
    return UnityStatement(kind=kind, name=name, label=principal, tags=tuple((each, "") for each in privileges))


def _read_privilege(cursor: _Cursor) -> str:
    words = []
    while cursor.peek().kind == "word" and cursor.peek().keyword != "ON":
        words.append(cursor.word().upper())
    if not words or words[0] not in PRIVILEGES:
        raise cursor.error()
    return " ".join(words)


def _read_volume(cursor: _Cursor) -> UnityStatement:
    cursor.take("IF", "NOT", "EXISTS")
    name = cursor.name()
    if cursor.take("COMMENT") and cursor.peek().kind == "text":
        cursor.value()
    return UnityStatement(kind="CREATE VOLUME", name=name)


def _read_use(cursor: _Cursor) -> UnityStatement:
    return UnityStatement(kind="USE CATALOG", name=(cursor.value(),))


def _read_use_schema(cursor: _Cursor) -> UnityStatement:
    return UnityStatement(kind="USE SCHEMA", name=cursor.name())


def _read_create_schema(cursor: _Cursor) -> UnityStatement:
    cursor.take("IF", "NOT", "EXISTS")
    name = cursor.name()
    if cursor.take("COMMENT"):
        cursor.value()
    return UnityStatement(kind="CREATE SCHEMA", name=name)


_READERS: tuple[tuple[tuple[str, ...], Callable[[_Cursor], UnityStatement | None]], ...] = (
    (("ALTER", "TABLE"), _read_alter_table),
    (("COMMENT", "ON"), _read_comment),
    (("GRANT",), lambda cursor: _read_grant(cursor, "GRANT", "TO")),
    (("REVOKE",), lambda cursor: _read_grant(cursor, "REVOKE", "FROM")),
    (("CREATE", "VOLUME"), _read_volume),
    (("USE", "CATALOG"), _read_use),
    (("USE", "SCHEMA"), _read_use_schema),
    (("USE", "DATABASE"), _read_use_schema),
    (("USE",), _read_use_schema),
    (("CREATE", "SCHEMA"), _read_create_schema),
    (("CREATE", "DATABASE"), _read_create_schema),
)


class UnityRules:
    """What has to hold for a statement, and what it leaves on record."""

    def __init__(self, catalogs: Catalogs) -> None:
        """Remember the catalogs."""
        self._catalogs = catalogs

    def apply(self, statement: UnityStatement, principal: str) -> None:
        """Check the statement, then record it.

        Raises:
            RefusedError: If the principal may not, the securable does not exist, or a column is not as it has to be.
        """
        apply = getattr(self, f"_{statement.kind.lower().replace(' ', '_')}", None)
        if apply is not None:
            apply(statement, principal)

    def _set_not_null(self, statement: UnityStatement, principal: str) -> None:
        name = self._table(statement, principal)
        (column,) = statement.columns
        self._check_columns(name, statement.columns)
        if self._catalogs.has_nulls(name, column):
            text = f"Cannot alter column '{column}' of '{name}' to NOT NULL: existing rows have no value in it."
            raise RefusedError("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502", text, {"column": column})
        self._catalogs.record(name).required.add(column.lower())

    def _add_primary_key(self, statement: UnityStatement, principal: str) -> None:
        name = self._table(statement, principal, "MANAGE")
        schema, record = self._check_columns(name, statement.columns), self._catalogs.record(name)
        if record.primary:
            text = f"Table '{name}' already has a primary key '{record.primary}'."
            raise RefusedError("UC_PRIMARY_KEY_ALREADY_EXISTS", "42710", text)
        for column in statement.columns:
            # A key over columns that may be null is refused, whatever their rows hold.
            if column.lower() not in record.required and schema[column].nullable:
                text = f"Cannot create the primary key because its child column(s) `{column}` is nullable."
                raise RefusedError("UC_PRIMARY_KEY_NULLABLE_COLUMN", "42K0J", text, {"childColumnNames": column})
        for column in statement.times:
            if not schema[column].is_time:
                text = f"TIMESERIES column `{column}` of '{name}' has to be a DATE or TIMESTAMP."
                raise RefusedError("UC_TIMESERIES_COLUMN_TYPE", "42K09", text, {"columnName": column})
        record.primary = statement.label or "primary_key"
        record.keys[record.primary] = statement.columns
        record.times = set(statement.times)

    def _add_foreign_key(self, statement: UnityStatement, principal: str) -> None:
        name = self._table(statement, principal, "MANAGE")
        self._check_columns(name, statement.columns)
        self._catalogs.record(name).keys[statement.label or "foreign_key"] = statement.columns

    def _drop_primary_key(self, statement: UnityStatement, principal: str) -> None:
        record = self._catalogs.record(self._table(statement, principal, "MANAGE"))
        record.keys.pop(record.primary, None)
        record.primary, record.times = "", set()

    def _set_tags(self, statement: UnityStatement, principal: str) -> None:
        name = self._table(statement, principal)
        self._check_columns(name, statement.columns)
        prefix = "".join(f"{column}." for column in statement.columns)
        self._catalogs.record(name).tags.update({f"{prefix}{key}": value for key, value in statement.tags})

    def _grant(self, statement: UnityStatement, principal: str) -> None:
        self._catalogs.require(principal, "MANAGE", full_name(statement.name))

    _revoke = _grant

    def _create_volume(self, statement: UnityStatement, principal: str) -> None:
        catalog, schema, _ = self._three(statement)
        self._catalogs.database_of(catalog, schema)
        self._catalogs.require(principal, "CREATE_VOLUME", f"{catalog}.{schema}".lower())
        self._catalogs.volumes.add(full_name(statement.name))

    def _create_schema(self, statement: UnityStatement, principal: str) -> None:
        if len(statement.name) != 2:
            raise syntax_error(f"'{'.'.join(statement.name)}'", "expected CREATE SCHEMA <catalog>.<schema>")
        catalog, schema = statement.name
        self._catalogs.require(principal, "CREATE_SCHEMA", catalog.lower())
        self._catalogs.create_schema(catalog, schema)

    def _table(self, statement: UnityStatement, principal: str, privilege: str = "MODIFY") -> str:
        """Return the name of the table; what is not there, or may not be changed, is refused."""
        catalog, schema, _ = self._three(statement)
        self._catalogs.database_of(catalog, schema)
        name = full_name(statement.name)
        self._catalogs.schema_of(name)
        self._catalogs.require(principal, privilege, name)
        return name

    @staticmethod
    def _three(statement: UnityStatement) -> tuple[str, str, str]:
        if len(statement.name) != 3:
            raise syntax_error(f"'{'.'.join(statement.name)}'", "expected <catalog>.<schema>.<name>")
        catalog, schema, name = statement.name
        return catalog, schema, name

    def _check_columns(self, name: str, columns: tuple[str, ...]) -> dict[str, _Column]:
        """Return the table's columns by name; those given have to be among them."""
        import pyarrow as pa

        fields = {
            field.name: _Column(field.nullable, pa.types.is_date(field.type) or pa.types.is_timestamp(field.type))
            for field in self._catalogs.schema_of(name)
        }
        for column in columns:
            if column not in fields:
                known = ", ".join(sorted(fields))
                text = f"A column with name `{column}` cannot be resolved in '{name}'. It has: {known}."
                raise RefusedError("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", text, {"objectName": column})
        return fields


@dataclass(frozen=True)
class _Column:
    """What rules ask of a column.

    Attributes:
        nullable: Whether Spark lets it be null.
        is_time: Whether it is a date or a time.
    """

    nullable: bool
    is_time: bool
