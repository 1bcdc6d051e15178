"""Jobs run as the platform's scheduler runs them."""

from __future__ import annotations

from typing import Any

import pytest

from boathouse.errors import ConfigError
from boathouse.rehearsal.jobs import Ending, JobRun, JobRunner, TaskCall

FAILS = Ending(code=1, seconds=1.0, said="it failed")
WORKS = Ending(code=0, seconds=1.0)


class Programs:
    """Ends each program as the test says, and remembers what was started."""

    def __init__(self, **endings: Ending | list[Ending]) -> None:
        self.endings = {key: ending if isinstance(ending, list) else [ending] for key, ending in endings.items()}
        self.calls: list[TaskCall] = []

    def __call__(self, call: TaskCall) -> Ending:
        self.calls.append(call)
        endings = self.endings.get(call.task, [WORKS])
        return endings[min(call.attempt, len(endings)) - 1]


def wheel(key: str, *needs: str, words: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    depends_on = [
        {"task_key": each.partition("=")[0], **({"outcome": each.partition("=")[2]} if "=" in each else {})}
        for each in needs
    ]
    program = {"package_name": "boathouse", "entry_point": "boathouse", "parameters": list(words)}
    return {"task_key": key, "depends_on": depends_on, "python_wheel_task": program, **more}


def condition(key: str, left: str, op: str, right: str, *needs: str) -> dict[str, Any]:
    task = wheel(key, *needs, condition_task={"left": left, "op": op, "right": right})
    del task["python_wheel_task"]
    return task


def run(programs: Programs, *tasks: dict[str, Any], given: dict[str, str] | None = None, **others: Any) -> JobRun:
    job = {"parameters": [{"name": "as_of", "default": ""}], "tasks": list(tasks)}
    return JobRunner({"work": job, **others}, programs).run("work", given)


def states(found: JobRun) -> dict[str, str]:
    return {each.task: each.state for each in found.tasks}


def test_tasks_run_after_those_that_they_depend_on_whatever_their_order_in_the_file() -> None:
    found = run(Programs(), wheel("c", "b"), wheel("b", "a"), wheel("a"))
    assert [each.task for each in found.tasks] == ["a", "b", "c"]
    assert found.succeeded


def test_parameters_and_task_values_are_filled_in_when_a_task_starts() -> None:
    programs = Programs(a=Ending(code=0, seconds=1.0, values={"version": 7, "passed": True}))
    words = ("--params=as_of={{job.parameters.as_of}}", "{{tasks.a.values.version}}-{{tasks.a.values.passed}}")
    run(programs, wheel("a"), wheel("b", "a", words=words), given={"as_of": "2008-03-31"})
    assert programs.calls[1].words == ("--params=as_of=2008-03-31", "7-true")
    assert run(Programs(), wheel("a", words=words[:1])).succeeded


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("{{job.parameters.as_off}}", "'as_off', which is no parameter of job 'work'; there is: as_of"),
        ("{{tasks.z.values.version}}", "'z', which is no task that has set a value; there is: none"),
        ("{{job.title}}", "'job.title', which is no reference of jobs"),
    ],
)
def test_a_reference_to_what_is_not_there_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run(Programs(), wheel("a", words=(word,)))


def test_a_parameter_that_the_job_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no parameter asof; it has: as_of"):
        run(Programs(), wheel("a"), given={"asof": ""})


def test_a_failed_task_is_tried_again_as_often_as_it_says() -> None:
    found = run(Programs(a=[FAILS, FAILS, WORKS]), wheel("a", max_retries=2))
    assert (found.tasks[0].state, found.tasks[0].attempts, found.tasks[0].seconds) == ("success", 3, 3.0)
    found = run(Programs(a=[FAILS, FAILS, WORKS]), wheel("a", max_retries=1), wheel("b", "a"))
    assert states(found) == {"a": "failed", "b": "upstream_failed"}
    assert not found.succeeded


@pytest.mark.parametrize(("again", "attempts"), [(False, 1), (True, 2)])
def test_a_task_whose_time_is_over_is_tried_again_only_if_it_says_so(again: bool, attempts: int) -> None:
    late = Ending(code=None, seconds=1.0)
    found = run(Programs(a=late), wheel("a", max_retries=1, retry_on_timeout=again, timeout_seconds=60))
    assert (found.tasks[0].state, found.tasks[0].attempts) == ("timedout", attempts)


@pytest.mark.parametrize(("passed", "promoted"), [(True, "success"), (False, "excluded")])
def test_a_condition_decides_which_tasks_run(passed: bool, promoted: str) -> None:
    gates = Ending(code=0, seconds=1.0, values={"passed": passed})
    found = run(
        Programs(gates=gates),
        wheel("gates"),
        condition("is_passed", "{{tasks.gates.values.passed}}", "EQUAL_TO", "true", "gates"),
        wheel("promote", "is_passed=true"),
        wheel("tell", "promote"),
        wheel("say_no", "is_passed=false"),
    )
    other = "excluded" if passed else "success"
    assert states(found) == {
        "gates": "success",
        "is_passed": "success",
        "promote": promoted,
        "tell": promoted,
        "say_no": other,
    }
    assert found.succeeded


@pytest.mark.parametrize(
    ("left", "op", "right", "outcome"),
    [
        ("2", "GREATER_THAN", "10", False),
        ("10", "GREATER_THAN_OR_EQUAL", "10.0", True),
        ("a", "NOT_EQUAL", "b", True),
        ("1.0", "EQUAL_TO", "1", False),
        ("-1", "LESS_THAN", "0", True),
    ],
)
def test_conditions_compare_numbers_as_numbers_and_equality_as_text(
    left: str, op: str, right: str, outcome: bool
) -> None:
    found = run(Programs(), condition("c", left, op, right), wheel("a", "c=true"))
    assert (states(found)["a"] == "success") is outcome


def test_a_comparison_of_what_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="'' LESS_THAN '3': both have to be numbers"):
        run(Programs(), condition("c", "", "LESS_THAN", "3"))


RULES = {
    "ALL_SUCCESS": {"ok ok"},
    "ALL_DONE": {"ok ok", "ok bad", "bad bad", "ok out", "out out", "bad out"},
    "NONE_FAILED": {"ok ok", "ok out"},
    "AT_LEAST_ONE_SUCCESS": {"ok ok", "ok bad", "ok out"},
    "ALL_FAILED": {"bad bad"},
    "AT_LEAST_ONE_FAILED": {"ok bad", "bad bad", "bad out"},
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("before", sorted(RULES["ALL_DONE"]))
def test_run_if_decides_by_what_became_of_the_tasks_before(rule: str, before: str) -> None:
    endings = {f"{how}{number}": WORKS if how == "ok" else FAILS for number, how in enumerate(before.split())}
    tasks = [wheel(name, disabled=name.startswith("out")) for name in endings]
    found = run(Programs(**endings), *tasks, wheel("last", *endings, run_if=rule))
    assert (states(found)["last"] == "success") is (before in RULES[rule])


def test_a_job_that_a_task_starts_runs_with_its_parameters_and_its_failure_is_the_tasks() -> None:
    other = {
        "parameters": [{"name": "model_version", "default": ""}],
        "tasks": [wheel("gates", words=("{{job.parameters.model_version}}",))],
    }
    start = {
        "task_key": "decide",
        "depends_on": [{"task_key": "train"}],
        "run_job_task": {"job_id": "deployment", "job_parameters": {"model_version": "{{tasks.train.values.version}}"}},
    }
    programs = Programs(train=Ending(code=0, seconds=1.0, values={"version": 3}), gates=FAILS)
    found = run(programs, wheel("train"), start, deployment=other)
    assert programs.calls[-1].words == ("3",)
    assert states(found) == {"train": "success", "gates": "failed", "decide": "failed"}
    assert programs.calls[-1].state.trigger == "run_job"


def test_jobs_that_start_each_other_without_end_are_refused() -> None:
    again = {"tasks": [{"task_key": "again", "run_job_task": {"job_id": "circle"}}]}
    with pytest.raises(ConfigError, match="on level 4 of 3 at most"):
        JobRunner({"circle": again}, Programs()).run("circle")


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="wait for each other or for one that is missing: a, b"):
        run(Programs(), wheel("a", "b"), wheel("b", "a"))


def test_a_failure_in_the_middle_is_forgiven_where_a_later_task_takes_care_of_it() -> None:
    found = run(Programs(a=FAILS), wheel("a"), wheel("clean_up", "a", run_if="ALL_DONE"))
    assert found.succeeded


def test_a_repaired_run_goes_on_with_what_failed_and_keeps_what_succeeded() -> None:
    words = ("{{tasks.a.values.version}}", "{{job.parameters.as_of}}")
    given = {"as_of": "2008-03-31"}
    tasks = [wheel("a"), wheel("b", "a"), wheel("c", "b", words=words)]
    programs = Programs(a=Ending(code=0, seconds=1.0, values={"version": 7}), b=FAILS)
    job = {"parameters": [{"name": "as_of", "default": ""}], "tasks": tasks}
    runner = JobRunner({"work": job}, programs)
    first = runner.run("work", given)
    assert states(first) == {"a": "success", "b": "failed", "c": "upstream_failed"}
    programs.endings["b"] = [WORKS]
    second = runner.repair(first)
    assert states(second) == {"b": "success", "c": "success"}
    assert programs.calls[-1].words == ("7", "2008-03-31")
    assert second.run_id == first.run_id
    assert second.succeeded
