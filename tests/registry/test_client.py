"""Changes of a store that several processes write to."""

from __future__ import annotations

import logging

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from sqlalchemy.exc import IntegrityError, OperationalError

from boathouse.errors import ModelError
from boathouse.registry import client
from boathouse.registry.client import change_store, guard_store

LOCKED = OperationalError("INSERT", {}, Exception("database is locked"))
DOUBLED = IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))


class Store:
    """Fails some times, as MLflow does when the database says no."""

    def __init__(self, times: int, code: int = TEMPORARILY_UNAVAILABLE, cause: Exception | None = LOCKED) -> None:
        self.times, self.code, self.cause, self.calls = times, code, cause, 0

    def change(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            logging.getLogger("mlflow.store.db.utils").error("SQLAlchemy database error.")
            raise MlflowException(str(self.cause), error_code=self.code) from self.cause
        return "changed"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.time, "sleep", lambda _: None)


@pytest.mark.parametrize(("code", "cause"), [(TEMPORARILY_UNAVAILABLE, LOCKED), (BAD_REQUEST, DOUBLED)])
def test_a_change_that_another_writer_was_in_the_way_of_is_made_again(
    code: int, cause: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(3, code, cause)
    assert (change_store(store.change), store.calls) == ("changed", 4)
    assert caplog.text == ""


def test_a_store_that_stays_locked_is_named_without_the_databases_words() -> None:
    with pytest.raises(ModelError, match=r"MLflow store cannot be used \(TEMPORARILY_UNAVAILABLE\)") as refused:
        change_store(Store(100).change)
    assert "locked" not in str(refused.value)


def test_what_is_no_matter_of_two_writers_is_tried_once() -> None:
    for code, error in ((TEMPORARILY_UNAVAILABLE, ModelError), (RESOURCE_DOES_NOT_EXIST, MlflowException)):
        store = Store(100, code, None)
        with pytest.raises(error):
            change_store(store.change)
        assert store.calls == 1


def test_two_writers_of_the_same_row_are_a_failure_of_the_store() -> None:
    with pytest.raises(ModelError, match="MLflow store cannot be used"), guard_store():
        Store(1, BAD_REQUEST, DOUBLED).change()
