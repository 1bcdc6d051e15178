"""Tags of a registered model: read from the file of a store as MLflow's own client reads them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import mlflow
import pytest

from boathouse.errors import ModelError
from boathouse.registry.model_tags import read_model_tags, set_model_tag
from tests.fixtures.model_store import NAME

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_says_what_the_client_says(store: Path) -> None:
    """A change of MLflow's tables shows here."""
    uri = f"sqlite:///{store}"
    assert read_model_tags(NAME, uri=uri) is None
    assert read_model_tags(NAME) is None
    client = mlflow.MlflowClient()
    client.create_registered_model(NAME)
    client.create_registered_model("test.models.other", tags={"of": "another"})
    assert read_model_tags(NAME, uri=uri) == read_model_tags(NAME) == {}
    set_model_tag(NAME, "audit_head_promotions", "3 abc")
    assert read_model_tags(NAME, uri=uri) == read_model_tags(NAME) == {"audit_head_promotions": "3 abc"}


def test_a_store_that_is_not_there_yet_has_no_model(tmp_path: Path) -> None:
    assert read_model_tags(NAME, uri=f"sqlite:///{tmp_path}/mlflow.db") is None
    sqlite3.connect(tmp_path / "mlflow.db").close()
    assert read_model_tags(NAME, uri=f"sqlite:///{tmp_path}/mlflow.db") is None


def test_a_file_that_is_no_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    with pytest.raises(ModelError, match="DatabaseError"):
        read_model_tags(NAME, uri=f"sqlite:///{tmp_path}/mlflow.db")
