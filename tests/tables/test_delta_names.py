"""Tables that go by name: the SQL and calls, on a session that only remembers them."""

from __future__ import annotations

import re
import time
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
        "operation": "WRITE",
        "operationParameters": {"mode": "Overwrite"},
        "operationMetrics": {"numOutputRows": "12"},
    },
    {
        "version": 2,
        "timestamp": datetime(2026, 1, 2),
        "operation": "WRITE",
        "operationParameters": {"predicate": "[a = b]"},
        "operationMetrics": {"numOutputRows": "4"},
    },
]


class RememberingSession:
    """Stands for a session of the platform."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.sent: list[str] = []
        self.options: dict[str, int] = {}

    def sql(self, statement: str) -> RememberingSession:
        """Remember ``statement``."""
        self.sent.append(statement)
        return self

    def collect(self) -> list[dict[str, Any]]:
        """Return the table's history, or the only table of the only schema."""
        if self.sent[-1].startswith("SHOW TABLES"):
            known = self.sent[-1] == "SHOW TABLES IN `prod`.`clean` LIKE 'boats'"
            return [{"tableName": "boats", "isTemporary": False}] if known else []
        return HISTORY

    @property
    def read(self) -> RememberingSession:
        """Read a table."""
        return self

    def format(self, _name: str) -> RememberingSession:
        """Read it as any format."""
        return self

    def option(self, name: str, value: int) -> RememberingSession:
        """Remember the option."""
        self.options[name] = value
        return self

    def table(self, _name: str) -> RememberingSession:
        """Return its rows."""
        return self

    def count(self) -> int:
        """Count them."""
        return 7


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
    assert session.sent == []


def test_the_catalog_tells_versions(session: RememberingSession) -> None:
    """Rows are those of a commit that wrote the whole table, else counted at that version."""
    log = open_log(TableLocation("prod.clean.boats", "databricks", ""))
    assert isinstance(log, CatalogLog)
    assert log.exists()
    assert not CatalogLog(TableLocation("prod.clean.none", "databricks", "")).exists()
    assert log.newest() == 3
    assert (log.rows(3), log.rows(2), log.rows(1)) == (12, 7, None)
    assert session.options == {"versionAsOf": 2}
    assert log.committed_at(2) == datetime(2026, 1, 2, tzinfo=UTC)
    assert log.version_at(datetime(2026, 1, 2, 12, tzinfo=UTC)) == 2
    assert log.version_at(datetime(2020, 1, 1, tzinfo=UTC)) is None
    assert session.sent[2] == "DESCRIBE HISTORY `prod`.`clean`.`boats` LIMIT 1"


def test_commit_times_are_those_of_the_process_that_asked(
    session: RememberingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PySpark gives them without a zone, in its own: 2 January, 0:00 in Tokyo, is the day before in UTC."""
    log = open_log(TableLocation("prod.clean.boats", "databricks", ""))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            assert log.committed_at(2) == datetime(2026, 1, 1, 15, tzinfo=UTC)
            assert log.version_at(datetime(2026, 1, 1, 16, tzinfo=UTC)) == 2
        finally:
            patch.setenv("TZ", "UTC")
            time.tzset()


def test_a_folder_has_a_quoted_path() -> None:
    """A backtick in it cannot end the name."""
    location = TableLocation("dev.clean.boats", "sail", "/a`b")
    assert re.fullmatch(r"delta\.`[\w./-]+/dev/clean/boats`", location.sql_name)
    assert isinstance(open_log(location), PathLog)


@pytest.mark.parametrize("name", ["boats", "clean.boats", "a.b.c.d", "a..c"])
def test_a_name_has_three_parts(name: str) -> None:
    """Environment, schema and table."""
    with pytest.raises(ConfigError, match=r"<catalog>.<schema>.<table>"):
        TableLocation(name, "sail", "/")
