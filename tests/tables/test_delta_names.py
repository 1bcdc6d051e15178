"""Tables that go by name: the statements and calls, on a session that only remembers them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from boathouse.errors import ConfigError
from boathouse.tables.delta_log import CatalogLog, PathLog, open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation

HISTORY = [
    {
        "version": 3,
        "timestamp": datetime(2026, 1, 3),
        "operationParameters": {"mode": "Overwrite"},
        "operationMetrics": {"numOutputRows": "12"},
    },
    {
        "version": 2,
        "timestamp": datetime(2026, 1, 2),
        "operationParameters": {"predicate": "[a = b]"},
        "operationMetrics": {"numOutputRows": "4"},
    },
]


class RememberingSession:
    """Stands for a session of the platform."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.statements: list[str] = []
        self.catalog = self

    def sql(self, statement: str) -> RememberingSession:
        """Remember ``statement``."""
        self.statements.append(statement)
        return self

    def collect(self) -> list[dict[str, Any]]:
        """Return the table's history."""
        return HISTORY

    def tableExists(self, name: str) -> bool:  # noqa: N802 - Spark's name
        """Know one table."""
        return name == "prod.clean.boats"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> RememberingSession:
    """Return the session that the databricks engine pretends to have."""
    session = RememberingSession()
    monkeypatch.setattr(get_engine("databricks"), "_session", session)
    return session


def test_a_named_table_has_no_path(session: RememberingSession) -> None:
    """Its three parts are quoted one by one."""
    location = TableLocation("prod.clean.boats", "databricks", "ignored")
    assert location.path is None
    assert location.sql_name == "`prod`.`clean`.`boats`"
    assert location.environment == "prod"
    location.check_writable()
    assert session.statements == []


def test_the_catalog_tells_versions(session: RememberingSession) -> None:
    """Rows are known for a commit that wrote the whole table only."""
    log = open_log(TableLocation("prod.clean.boats", "databricks", ""))
    assert isinstance(log, CatalogLog)
    assert log.exists()
    assert not CatalogLog(TableLocation("prod.clean.none", "databricks", "")).exists()
    assert log.newest() == 3
    assert (log.rows(3), log.rows(2), log.rows(1)) == (12, None, None)
    assert log.committed_at(2) == datetime(2026, 1, 2, tzinfo=UTC)
    assert log.version_at(datetime(2026, 1, 2, 12, tzinfo=UTC)) == 2
    assert log.version_at(datetime(2020, 1, 1, tzinfo=UTC)) is None
    assert session.statements[0] == "DESCRIBE HISTORY `prod`.`clean`.`boats` LIMIT 1"


def test_a_folder_has_a_quoted_path() -> None:
    """A backtick in it cannot end the name."""
    location = TableLocation("dev.clean.boats", "sail", "/a`b")
    assert location.sql_name == "delta.`/a``b/dev/clean/boats`"
    assert isinstance(open_log(location), PathLog)


@pytest.mark.parametrize("name", ["boats", "clean.boats", "a.b.c.d", "a..c"])
def test_a_name_has_three_parts(name: str) -> None:
    """Environment, schema and table."""
    with pytest.raises(ConfigError, match=r"<environment>.<schema>.<table>"):
        TableLocation(name, "sail", "/")
