"""The names that the platform's runtime gives to a task: ``dbutils`` with its task values.

What is known of the task is in the file that BOATHOUSE_REHEARSAL_TASK names; values that it sets go into a file beside.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

VARIABLE = "BOATHOUSE_REHEARSAL_TASK"
VALUES = "values.json"
# What the platform takes as one value, as JSON.
LARGEST_VALUE_BYTES = 48 * 1024


def read_task() -> dict[str, Any]:
    """Return what is known of the task: host, token, numbers of job and run, values that other tasks have set."""
    found: dict[str, Any] = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
    return found


class UserNamespaceInitializer:
    """Where the SDK finds the names of the runtime."""

    @classmethod
    def getOrCreate(cls) -> UserNamespaceInitializer:  # noqa: N802 - the runtime's own name
        """Return the only one."""
        return cls()

    def get_namespace_globals(self) -> dict[str, Any]:
        """Return the names."""
        return {"dbutils": SimpleNamespace(jobs=SimpleNamespace(taskValues=TaskValues()))}


class TaskValues:
    """Values that tasks of one run pass on."""

    def set(self, key: str, value: object) -> None:
        """Pass a value on to the tasks that depend on this one.

        Raises:
            ValueError: If JSON cannot hold it, or it is larger than the platform takes.
        """
        try:
            text = json.dumps(value)
        except TypeError as error:
            raise ValueError(f"The value of task value {key} has to be what JSON can hold.") from error
        if len(text.encode()) > LARGEST_VALUE_BYTES:
            raise ValueError(f"The value of task value {key} has more than {LARGEST_VALUE_BYTES} bytes.")
        path = Path(os.environ[VARIABLE]).with_name(VALUES)
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({**values, key: value}), encoding="utf-8")
        draft.replace(path)

    def get(self, taskKey: str, key: str, default: object = None, **_: object) -> object:  # noqa: N803 - its own name
        """Return a value that another task has set, else the default.

        Raises:
            ValueError: If there is neither.
        """
        values = read_task()["values"].get(taskKey, {})
        if key not in values and default is None:
            raise ValueError(f"Task value {key} of task {taskKey} is not set, and no default was given.")
        return values.get(key, default)
