"""The one way to MLflow's registry, and what to say when it does not answer."""

from __future__ import annotations

import logging
import random
import re
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from boathouse.errors import ModelError, RegistryRefusedError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException


def open_client() -> MlflowClient:
    """Return a client of the tracking and registry stores that the run is configured for."""
    from mlflow import MlflowClient

    return MlflowClient()


@contextmanager
def guard_store() -> Iterator[None]:
    """Turn the failure of a store into an error that says what to do; other errors pass.

    Raises:
        ModelError: If the store is locked, cannot be reached, or refuses who asks.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _hold_back_logs():
            yield
    # The platform's client tries again for minutes, and then times out.
    except (SQLAlchemyError, requests.RequestException, ConnectionError, TimeoutError) as error:
        raise ModelError.store_unreachable(type(error).__name__) from error
    except MlflowException as error:
        # Two writers at once also end as the database's own error, which MLflow calls a bad request.
        if isinstance(error.__cause__, SQLAlchemyError):
            raise ModelError.store_unreachable(error.error_code) from error
        if error.error_code in _UNAVAILABLE:
            raise ModelError.store_unreachable(_shorten(error)) from error
        if error.error_code in _REFUSED or _MISSING_PARENT.search(str(error)):
            raise RegistryRefusedError.by_store(_shorten(error)) from error
        raise
    except OSError as error:
        # Files of a version come through the platform's own client, whose errors are its own.
        if type(error).__module__.partition(".")[0] != "databricks":
            raise
        code = type(error).__name__
        refused = RegistryRefusedError.by_store if code in _REFUSED else ModelError.store_unreachable
        raise refused(_join(code, str(error))) from error


def _shorten(error: MlflowException) -> str:
    """Return code and reason in one line."""
    return _join(error.error_code, str(error))


def _join(code: str, reason: str) -> str:
    # The platform's client adds its settings to each error.
    reason = reason.partition(" Config: host=")[0]
    text = reason if reason.startswith(code) else f"{code}: {reason}"
    return textwrap.shorten(text, _LONGEST_REASON, placeholder=" …")


_UNAVAILABLE = {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR"}
# As MLflow and as the platform's own client have it.
_REFUSED = {"PERMISSION_DENIED", "UNAUTHENTICATED", "PermissionDenied", "Unauthenticated"}
# What the platform says where the place that a model belongs in was not made.
_MISSING_PARENT = re.compile(r"\b(Catalog|Schema|Metastore)\b.*does not exist", re.IGNORECASE)
_LONGEST_REASON = 300
# A writer is in the way of another for milliseconds; some at once must all get through.
_ATTEMPTS, _FIRST_WAIT_S, _LONGEST_WAIT_S = 12, 0.02, 0.5

Result = TypeVar("Result")


def change_store(change: Callable[[], Result]) -> Result:
    """Make one change, again if another writer was in the way; a change that failed has changed nothing.

    Raises:
        ModelError: If the store cannot be reached, or another process holds it.
    """
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(_ATTEMPTS):
        try:
            with guard_store():
                return change()
        except ModelError as error:
            reason = error.__cause__
            if attempt + 1 == _ATTEMPTS or not isinstance(getattr(reason, "__cause__", None), SQLAlchemyError):
                raise
            # Drawn at random: writers that were in each other's way do not meet again.
            time.sleep(random.uniform(0.5, 1.0) * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt))  # noqa: S311
    raise AssertionError  # the last attempt returns or raises


@contextmanager
def ignore_missing() -> Iterator[None]:
    """Let pass that what is asked for is not in the store."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


@contextmanager
def _hold_back_logs() -> Iterator[None]:
    """Keep MLflow from printing the database's error with its traceback: what is raised says it."""
    logger = logging.getLogger("mlflow.store.db.utils")
    logger.addFilter(_refuse_record)
    try:
        yield
    finally:
        logger.removeFilter(_refuse_record)


def _refuse_record(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR
