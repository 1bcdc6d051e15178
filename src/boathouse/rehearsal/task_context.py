"""What a rehearsed task is told as on the platform, and the task values that it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from boathouse.atomic_files import write_file
from boathouse.rehearsal import runtime
from boathouse.rehearsal.runtime.dbruntime import VALUES, VARIABLE

_CONTEXT = "task.json"


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """One attempt at a task.

    Attributes:
        host: Address of the workspace.
        token: Of whom the task acts as.
        job_id: Number of the job.
        run_id: Number of the run.
        task_key: Which task.
        values: Task values that other tasks of the run have set, by task and key.
    """

    host: str
    token: str = field(repr=False)
    job_id: int
    run_id: int
    task_key: str
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, folder: Path) -> dict[str, str]:
        """Write it to a folder of the attempt's own; return the environment variables that the process needs.

        ``PYTHONPATH`` among them is the folder of the runtime's own modules alone; put others of the caller's behind
        it. DATABRICKS_RUNTIME_VERSION is the caller's to set: without it nothing looks for a runtime.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / VALUES).unlink(missing_ok=True)
        path = folder / _CONTEXT
        # The token in it is for this account alone.
        write_file(path, json.dumps(asdict(self)).encode(), mode=0o600)
        return {VARIABLE: path.absolute().as_posix(), "PYTHONPATH": str(Path(runtime.__file__).parent)}


def read_values(folder: Path) -> dict[str, Any]:
    """Return the task values that the task of that folder has set; none if it set none."""
    path = folder / VALUES
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
