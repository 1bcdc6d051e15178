"""Jobs and runs, by the platform's own client."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.service.jobs import JobSettings, RunLifeCycleState, RunResultState, Task, TerminationCodeCode

from boathouse.rehearsal.workspace.jobs import Job
from tests.fixtures.rehearsed_workspace import DORA, JOBS, Rehearsed

pytestmark = pytest.mark.platform


def find_job(rehearsed: Rehearsed) -> int:
    (job,) = rehearsed.client(JOBS).jobs.list(name="boathouse-training")
    return int(job.job_id or 0)


def test_a_run_gets_its_parameters_and_shows_how_its_tasks_ended(deployed: Rehearsed) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    jobs = deployed.workspace.jobs

    def start(job: Job, parameters: dict[str, str]) -> int:
        asked.append((job.run_as, parameters))
        return jobs.record_run(job, parameters)

    jobs.on_run_now = start
    client = deployed.client(JOBS).jobs
    waiting = client.run_now(find_job(deployed), job_parameters={"as_of": "2005-08-31"})
    assert asked == [(JOBS, {"as_of": "2005-08-31"})]
    run = jobs.runs[waiting.response.run_id]
    assert client.get_run(run.id).state.life_cycle_state is RunLifeCycleState.PENDING
    run.tasks["training"].state, run.tasks["training"].result = "TERMINATED", "SUCCESS"
    run.tasks["evaluation"].state, run.tasks["evaluation"].result = "TERMINATED", "FAILED"
    run.end("FAILED", "Task evaluation failed.")
    ended = waiting.result()
    assert (ended.state.result_state, ended.state.state_message) == (RunResultState.FAILED, "Task evaluation failed.")
    assert ended.status.termination_details.code is TerminationCodeCode.RUN_EXECUTION_ERROR
    states = {task.task_key: task.state.result_state for task in ended.tasks}
    assert states == {"training": RunResultState.SUCCESS, "evaluation": RunResultState.FAILED}
    assert {each.name: each.value for each in ended.job_parameters} == {"as_of": "2005-08-31"}
    assert [each.run_id for each in client.list_runs(job_id=find_job(deployed))] == [run.id]


def test_the_same_token_is_the_same_run(deployed: Rehearsed) -> None:
    client, number = deployed.client(JOBS).jobs, find_job(deployed)
    runs = {client.run_now(number, idempotency_token=token).response.run_id for token in ("a", "a", "b")}
    assert len(runs) == 2
    assert [run.parameters for run in deployed.workspace.jobs.runs.values()] == [{"as_of": ""}] * 2


def test_who_may_only_look_starts_nothing(deployed: Rehearsed) -> None:
    client, number = deployed.client(DORA).jobs, find_job(deployed)
    assert client.get(number).settings.name == "boathouse-training"
    with pytest.raises(PermissionDenied, match=f"User {DORA} does not have Manage Run permissions on job {number}"):
        client.run_now(number)
    assert deployed.workspace.jobs.runs == {}


def test_jobs_are_made_changed_and_kept_from_others(rehearsed: Rehearsed) -> None:
    client = rehearsed.client(DORA).jobs
    number = int(client.create(name="mine", tasks=[Task(task_key="one")]).job_id or 0)
    client.reset(number, JobSettings(name="mine still", tasks=[Task(task_key="two")]))
    assert client.get(number).settings.name == "mine still"
    assert list(rehearsed.client(JOBS).jobs.list()) == []
    with pytest.raises(PermissionDenied):
        rehearsed.client(JOBS).jobs.get(number)
    with pytest.raises(NotFound, match="Job 1 does not exist"):
        client.get(1)
    run = client.run_now(number).response.run_id
    client.cancel_run(run)
    assert client.get_run(run).state.result_state is RunResultState.CANCELED


def test_a_list_of_jobs_comes_in_pages(rehearsed: Rehearsed) -> None:
    for number in range(5):
        rehearsed.workspace.jobs.add_job({"name": f"job {number}"}, owner=JOBS)
    found = [job.settings.name for job in rehearsed.client(JOBS).jobs.list(limit=2)]
    assert found == [f"job {number}" for number in range(5)]
    assert rehearsed.workspace.calls["jobs.list"] == 3
