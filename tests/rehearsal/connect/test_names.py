"""Names in SQL and in plans: found in any quoting, mapped to Spark and back; texts and comments are left alone."""

# ruff: noqa: S608 - SQL that is read and never run

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from boathouse.rehearsal.connect.catalog import Catalogs
from boathouse.rehearsal.connect.refusals import RefusedError
from boathouse.rehearsal.connect.sql_reading import read_statement
from boathouse.rehearsal.connect.sql_tokens import split_name, split_tokens

NOWHERE = ("", "")


class Silent:
    """Stands for Spark; every statement has no rows."""

    def query(self, text: str) -> Any:
        """Return nothing."""
        del text
        return pa.table({"tableName": pa.array([], pa.string()), "isTemporary": pa.array([], pa.bool_())})


@pytest.fixture
def catalogs() -> Catalogs:
    """Return two catalogs, one with a name that needs quotes."""
    access: Any = None
    found = Catalogs(access, Silent())
    for catalog, schema in (("prod", "features"), ("prod", "audit"), ("dev-eu", "dev_maria_features")):
        found.create_schema(catalog, schema)
    return found


X = "`spark_catalog`.`prod__features`.`x`"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM prod.features.x", f"SELECT * FROM {X}"),
        ("select * from `prod`.`features`.`x` t", f"select * from {X} t"),
        ("SELECT a FROM prod . features . x", f"SELECT a FROM {X}"),
        ("SELECT a FROM PROD.Features.x", f"SELECT a FROM {X}"),
        (
            "SELECT 'prod.features.x', \"prod.features.x\" FROM prod.features.x",
            f"SELECT 'prod.features.x', \"prod.features.x\" FROM {X}",
        ),
        ("SELECT 1 -- prod.features.x\nFROM prod.features.x", f"SELECT 1 -- prod.features.x\nFROM {X}"),
        ("SELECT /* prod.features.x */ 1", "SELECT /* prod.features.x */ 1"),
        ("SELECT 'it\\'s prod.features.x' FROM prod.features.x", f"SELECT 'it\\'s prod.features.x' FROM {X}"),
        ("SELECT t.a.b, prod.features.x.y FROM prod.features.x", f"SELECT t.a.b, {X}.`y` FROM {X}"),
        ("SELECT prod.features.udf(a) FROM prod.features.x", f"SELECT prod.features.udf(a) FROM {X}"),
        (
            "SELECT * FROM `dev-eu`.dev_maria_features.x",
            "SELECT * FROM `spark_catalog`.`dev_x2d_eu__dev_maria_features`.`x`",
        ),
        ("DESCRIBE HISTORY prod.features.x LIMIT 1", f"DESCRIBE HISTORY {X} LIMIT 1"),
        ("SELECT * FROM delta.`/data/prod.features.x`", "SELECT * FROM delta.`/data/prod.features.x`"),
        ("SELECT EXTRACT(DAY FROM t.day) FROM prod.features.x", f"SELECT EXTRACT(DAY FROM t.day) FROM {X}"),
        (f"SELECT * FROM {X}", f"SELECT * FROM {X}"),
    ],
)
def test_names_are_mapped_and_nothing_else(catalogs: Catalogs, text: str, expected: str) -> None:
    assert read_statement(text, catalogs, NOWHERE).text == expected


@pytest.mark.parametrize(
    ("text", "kind", "uses"),
    [
        ("SELECT * FROM prod.features.x", "SELECT", [("SELECT", "prod.features.x")]),
        (
            "MERGE INTO prod.features.x t USING (SELECT * FROM prod.audit.y) s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "MERGE INTO",
            [("MODIFY", "prod.features.x"), ("SELECT", "prod.audit.y")],
        ),
        (
            "INSERT INTO prod.features.x SELECT * FROM prod.audit.y",
            "INSERT INTO",
            [("WRITE", "prod.features.x"), ("SELECT", "prod.audit.y")],
        ),
        ("CREATE TABLE IF NOT EXISTS prod.features.x (a INT)", "CREATE TABLE", [("WRITE", "prod.features.x")]),
        (
            "CREATE OR REPLACE TABLE prod.features.x AS SELECT 1",
            "CREATE OR REPLACE TABLE",
            [("WRITE", "prod.features.x")],
        ),
        ("ALTER TABLE prod.features.x SET TBLPROPERTIES ('a' = 'b')", "ALTER TABLE", [("MODIFY", "prod.features.x")]),
        ("DROP TABLE IF EXISTS prod.features.x", "DROP TABLE", [("MANAGE", "prod.features.x")]),
        ("DELETE FROM prod.features.x WHERE a = 1", "DELETE FROM", [("MODIFY", "prod.features.x")]),
        ("INSERT INTO prod.features.x (a, b) VALUES (1, 2)", "INSERT INTO", [("WRITE", "prod.features.x")]),
        ("UPDATE prod.features.x SET a = 1", "UPDATE", [("MODIFY", "prod.features.x")]),
        ("DESCRIBE DETAIL prod.features.x", "DESCRIBE DETAIL", [("SELECT", "prod.features.x")]),
        ("SHOW TBLPROPERTIES prod.features.x", "SHOW TBLPROPERTIES", [("SELECT", "prod.features.x")]),
        ("OPTIMIZE prod.features.x", "OPTIMIZE", [("MODIFY", "prod.features.x")]),
        ("WITH a AS (SELECT * FROM prod.audit.y) SELECT * FROM a", "WITH", [("SELECT", "prod.audit.y")]),
    ],
)
def test_a_statement_needs_rights_on_what_it_changes_and_reads(
    catalogs: Catalogs, text: str, kind: str, uses: list[tuple[str, str]]
) -> None:
    found = read_statement(text, catalogs, NOWHERE)
    assert (found.kind, [(use.privilege, use.name) for use in found.uses]) == (kind, uses)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("SELECT * FROM prod.missing.x", "SCHEMA_NOT_FOUND"),
        ("SELECT * FROM test.features.x", "NO_SUCH_CATALOG_EXCEPTION"),
        ("INSERT INTO prod.missing.x VALUES (1)", "SCHEMA_NOT_FOUND"),
        ("COMMENT ON VOLUME prod.features.x IS", "PARSE_SYNTAX_ERROR"),
        ("ALTER TABLE prod.features.x ADD CONSTRAINT pk PRIMARY KEY (a, b", "PARSE_SYNTAX_ERROR"),
        ("ALTER TABLE prod.features.x ADD CONSTRAINT pk PRIMARY KEY (a TIMESERIE)", "PARSE_SYNTAX_ERROR"),
        ("ALTER TABLE prod.features.x SET TAGS ('a' 'b')", "PARSE_SYNTAX_ERROR"),
        ("GRANT SELEC ON TABLE prod.features.x TO `users`", "PARSE_SYNTAX_ERROR"),
        ("GRANT SELECT ON TABLE prod.features.x `users`", "PARSE_SYNTAX_ERROR"),
    ],
)
def test_what_is_missing_or_malformed_is_refused(catalogs: Catalogs, text: str, condition: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_statement(text, catalogs, NOWHERE)
    assert refused.value.condition == condition


@pytest.mark.parametrize(
    ("text", "kind", "columns", "times"),
    [
        (
            "ALTER TABLE prod.features.x ADD CONSTRAINT `x_pk` PRIMARY KEY (`a`, `t` TIMESERIES)",
            "ADD PRIMARY KEY",
            ("a", "t"),
            ("t",),
        ),
        ("alter table prod.features.x add primary key (a) rely", "ADD PRIMARY KEY", ("a",), ()),
        ("ALTER TABLE prod.features.x DROP PRIMARY KEY IF EXISTS", "DROP PRIMARY KEY", (), ()),
        ("ALTER TABLE prod.features.x ALTER COLUMN `a` SET NOT NULL", "SET NOT NULL", ("a",), ()),
        ("ALTER TABLE prod.features.x SET TAGS ('team' = 'risk')", "SET TAGS", (), ()),
        ("COMMENT ON CATALOG prod IS 'all'", "COMMENT ON CATALOG", (), ()),
        ("GRANT USE SCHEMA, SELECT ON SCHEMA prod.features TO `account users`", "GRANT", (), ()),
        ("REVOKE ALL PRIVILEGES ON TABLE prod.features.x FROM maria", "REVOKE", (), ()),
        ("CREATE VOLUME IF NOT EXISTS prod.features.landing COMMENT 'files'", "CREATE VOLUME", (), ()),
        ("USE CATALOG prod;", "USE CATALOG", (), ()),
    ],
)
def test_what_unity_catalog_alone_knows_is_read(
    catalogs: Catalogs, text: str, kind: str, columns: tuple[str, ...], times: tuple[str, ...]
) -> None:
    found = read_statement(text, catalogs, NOWHERE)
    assert found.unity is not None
    assert (found.kind, found.unity.columns, found.unity.times) == (kind, columns, times)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE prod.features.x ALTER COLUMN `a` COMMENT 'unit'",
        "ALTER TABLE prod.features.x ADD COLUMNS (b INT)",
        "ALTER TABLE prod.features.x ADD CONSTRAINT positive CHECK (a > 0)",
        "COMMENT ON TABLE prod.features.x IS 'a'",
    ],
)
def test_what_spark_knows_is_left_to_it(catalogs: Catalogs, text: str) -> None:
    found = read_statement(text, catalogs, NOWHERE)
    assert found.unity is None
    assert X in found.text


def test_names_come_back_in_messages(catalogs: Catalogs) -> None:
    text = (
        "Table `spark_catalog`.`prod__features`.`x` not found; spark_catalog.prod__features.x; prod__features; "
        "spark_catalog.other.x"
    )
    assert catalogs.rename(text) == (
        "Table `prod`.`features`.`x` not found; prod.features.x; prod.features; spark_catalog.other.x"
    )


def test_short_names_belong_to_the_current_catalog(catalogs: Catalogs) -> None:
    assert read_statement("SELECT * FROM features.x", catalogs, ("prod", "")).text == f"SELECT * FROM {X}"
    assert read_statement("SELECT * FROM features.x", catalogs, NOWHERE).text == "SELECT * FROM features.x"


def test_tokens_are_the_text_again() -> None:
    text = "SELECT r'a\\', `b``c`.d, 1.5e3, \"x\" /* y */ FROM a.b -- end\n;"
    assert "".join(token.text for token in split_tokens(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b.c", ("a", "b", "c")),
        ("`a-b`.`c.d`.e", ("a-b", "c.d", "e")),
        ("view", ("view",)),
        ("1a.2b.c", ("1a", "2b", "c")),
    ],
)
def test_a_plan_s_name_is_split(text: str, parts: tuple[str, ...]) -> None:
    assert split_name(text) == parts
