"""Runs that a killed process has left RUNNING are closed; those of a living process or another machine are not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import mlflow
import pytest

from boathouse.hooks.tracking import abandon_runs
from boathouse.registry import run_owners
from boathouse.registry.run_owners import OWNER_TAG, ProcessIdentity, close_abandoned_runs, sign_runs

if TYPE_CHECKING:
    from tests.fixtures.sample_project import SampleProject


@pytest.fixture
def gone() -> ProcessIdentity:
    """Return the identity of a process of this machine that has ended."""
    program = "from boathouse.registry.run_owners import ProcessIdentity as P; print(P.of_this_process().to_tag())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    identity = ProcessIdentity.from_tag(done.stdout.strip())
    assert identity is not None
    return identity


def test_a_process_is_gone_when_its_id_is_free_or_has_been_given_to_another(gone: ProcessIdentity) -> None:
    here = ProcessIdentity.of_this_process()
    assert ProcessIdentity.from_tag(here.to_tag()) == here
    assert gone.is_gone()
    assert not here.is_gone()
    # The same number, begun at another moment.
    assert replace(here, started="1").is_gone()


def test_of_another_machine_or_container_nothing_is_known(gone: ProcessIdentity) -> None:
    assert not replace(gone, host="elsewhere/-").is_gone()
    assert not replace(gone, namespace="1").is_gone()
    assert not replace(gone, started="").is_gone()
    assert ProcessIdentity.from_tag("of another form") is None


@pytest.mark.parametrize(("namespace", "closed"), [("4026531836", True), ("4026532001", False)])
def test_after_a_restart_of_the_machine_only_what_ran_outside_containers_is_known_to_be_gone(
    monkeypatch: pytest.MonkeyPatch, namespace: str, closed: bool
) -> None:
    monkeypatch.setattr(run_owners, "_identify_system", lambda: ("host/id", "this-boot", namespace))
    assert ProcessIdentity("host/id", "an-earlier-boot", namespace, 1, "7").is_gone() is closed


def test_the_next_run_closes_what_is_left(tracked: SampleProject, gone: ProcessIdentity) -> None:
    tracked.run("data_prep")
    experiment = mlflow.get_experiment_by_name("boathouse-test")
    assert experiment is not None
    client = mlflow.MlflowClient()
    here = ProcessIdentity.of_this_process()
    owners = {"parent": gone, "nested": gone, "living": here, "foreign": replace(gone, host="elsewhere/-")}
    runs = {
        name: client.create_run(experiment.experiment_id, tags={OWNER_TAG: owner.to_tag()})
        for name, owner in owners.items()
    }
    runs["unsigned"] = client.create_run(experiment.experiment_id)
    tracked.run("data_prep")
    left = {name: client.get_run(run.info.run_id).info.status for name, run in runs.items()}
    assert left == dict.fromkeys(("parent", "nested"), "KILLED") | dict.fromkeys(
        ("living", "foreign", "unsigned"), "RUNNING"
    )
    for run in runs.values():
        client.set_terminated(run.info.run_id)
    assert close_abandoned_runs(experiment.experiment_id) == 0


def test_a_process_that_ends_closes_its_own_runs_of_every_thread(tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    experiment = mlflow.set_experiment("boathouse-own").experiment_id
    sign_runs()
    with mlflow.start_run() as outer, mlflow.start_run(nested=True) as inner:
        # As a run of another thread is: open in the store, on no stack of this thread.
        tags = {OWNER_TAG: ProcessIdentity.of_this_process().to_tag()}
        other = mlflow.MlflowClient().create_run(experiment, tags=tags)
        abandon_runs()
    states = [mlflow.get_run(run.info.run_id).info.status for run in (outer, inner, other)]
    assert states == ["KILLED"] * 3
