"""The one way to MLflow's registry, and what to say when it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boathouse.errors import ModelError

if TYPE_CHECKING:
    from mlflow import MlflowClient


def open_client() -> MlflowClient:
    """Return a client of the tracking and registry stores that the run is configured for."""
    from mlflow import MlflowClient

    return MlflowClient()


@contextmanager
def guard_store() -> Iterator[None]:
    """Turn the failure of a store into an error that says what to do; other errors pass.

    Raises:
        ModelError: If the store is locked or cannot be reached.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, requests.RequestException, ConnectionError) as error:
        raise ModelError.store_unreachable(type(error).__name__) from error
    except MlflowException as error:
        if error.error_code in {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR"}:
            raise ModelError.store_unreachable(error.error_code) from error
        raise
