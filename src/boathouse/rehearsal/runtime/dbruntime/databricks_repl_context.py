"""What MLflow asks the runtime about the job that it runs in."""

from __future__ import annotations

from types import SimpleNamespace

from . import read_task


def get_context() -> SimpleNamespace:
    """Return the context of this task, by the attribute names of the platform."""
    task = read_task()
    return SimpleNamespace(
        apiUrl=task["host"],
        apiToken=task["token"],
        workspaceUrl=None,
        workspaceId="1",
        isInJob=True,
        isInNotebook=False,
        isInCluster=False,
        jobId=str(task["job_id"]),
        idInJob=str(task["run_id"]),
        jobTaskType="python_wheel",
        jobType="NORMAL",
    )
