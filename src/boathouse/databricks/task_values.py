"""What one task of a Databricks job passes to the next; elsewhere nothing happens."""

from __future__ import annotations

import os
from typing import Any


def publish_values(**values: object) -> bool:
    """Set ``values`` as task values of the job that runs this; return whether there is one.

    None is passed on as an empty text: a task value has to be something that JSON can hold and a condition can compare.
    """
    found = _find_dbutils()
    if found is None:
        return False
    for key, value in values.items():
        found.jobs.taskValues.set(key=key, value="" if value is None else value)
    return True


def _find_dbutils() -> Any | None:  # noqa: ANN401 - the platform's own object has no type
    """Return the platform's ``dbutils``, or None outside it.

    A wheel task has none among its names; the SDK of the runtime hands it out.
    """
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return None
    try:
        from databricks.sdk.runtime import dbutils
    except ImportError:
        return None
    return dbutils
