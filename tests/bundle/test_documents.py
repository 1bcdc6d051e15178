"""Documents read, merged and resolved, on a bundle written for it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from boathouse.bundle.development import short_name
from boathouse.bundle.documents import find_required, list_bundles, merge, read_bundle, resolve_target
from boathouse.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """
    bundle:
      name: boats
    include:
      - resources/*.yml
    variables:
      catalog:
        default: ${bundle.target}
      owner: {}
      cpus:
        default: 2
      place:
        default: /Volumes/${var.catalog}/raw/boats
    resources:
      jobs:
        rent:
          name: rent
          schedule: {quartz_cron_expression: "0 0 1 * * ?", timezone_id: UTC}
          tasks:
            - task_key: count
              max_retries: ${var.cpus}
              description: "{{job.parameters.day}} in ${var.place}"
            - task_key: bill
          tags: {a: x}
    targets:
      dev:
        mode: development
        default: true
        variables: {owner: "${workspace.current_user.userName}"}
      prod:
        mode: production
        workspace: {root_path: "/Workspace/Users/${var.owner}/.bundle/${bundle.name}"}
        resources:
          jobs:
            rent:
              tags: {b: y}
              tasks:
                - task_key: bill
                  timeout_seconds: 5
"""
TABLES = """
    resources:
      schemas:
        raw: {catalog_name: "${var.catalog}", name: raw}
      volumes:
        boats: {catalog_name: "${var.catalog}", schema_name: "${resources.schemas.raw.name}", name: boats}
      registered_models:
        price: {catalog_name: "${var.catalog}", schema_name: "${resources.schemas.raw.name}", name: price}
      experiments:
        runs: {name: /Shared/boats}
      model_serving_endpoints:
        ask:
          name: ask
          config:
            served_entities:
              - entity_name: ${resources.registered_models.price.id}
                environment_vars: {FILES: "${resources.volumes.boats.volume_path}/x", JOB: "${resources.jobs.rent.id}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "resources").mkdir()
    write(tmp_path, "databricks.yml", MAIN)
    write(tmp_path, "resources/tables.yml", TABLES)
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).write_text(textwrap.dedent(text), encoding="utf-8")


def change(project: Path, old: str, new: str, name: str = "databricks.yml") -> None:
    text = (project / name).read_text(encoding="utf-8")
    assert old in text
    (project / name).write_text(text.replace(old, new), encoding="utf-8")


def test_a_production_target_has_the_names_as_they_are_written(project: Path) -> None:
    found = resolve_target(read_bundle(project), "prod", user="x", variables={"owner": "fleet", "catalog": "sea"})
    assert (found.target, found.mode) == ("prod", "production")
    assert found.root_path == "/Workspace/Users/fleet/.bundle/boats"
    assert found.file_path == "/Workspace/Users/fleet/.bundle/boats/files"
    assert found.variables == {"catalog": "sea", "owner": "fleet", "cpus": "2", "place": "/Volumes/sea/raw/boats"}
    job = found.resources["jobs"]["rent"]
    assert job["tags"] == {"a": "x", "b": "y"}
    # Tasks are merged by their key and stay in their order; a value that is one reference keeps its type.
    assert job["tasks"] == [
        {"task_key": "count", "max_retries": 2, "description": "{{job.parameters.day}} in /Volumes/sea/raw/boats"},
        {"task_key": "bill", "timeout_seconds": 5},
    ]
    entity = found.resources["model_serving_endpoints"]["ask"]["config"]["served_entities"][0]
    assert entity["entity_name"] == "sea.raw.price"
    assert entity["environment_vars"] == {"FILES": "/Volumes/sea/raw/boats/x", "JOB": "rent"}


def test_mode_development_puts_the_user_before_names_and_pauses(project: Path) -> None:
    found = resolve_target(read_bundle(project), "dev", user="Jane.Doe@example.com").resources
    assert found["jobs"]["rent"]["name"] == "[dev jane_doe] rent"
    assert found["jobs"]["rent"]["schedule"]["pause_status"] == "PAUSED"
    assert found["jobs"]["rent"]["max_concurrent_runs"] == 4
    assert found["schemas"]["raw"]["name"] == "dev_jane_doe_raw"
    assert found["experiments"]["runs"]["name"] == "/Shared/[dev jane_doe] boats"
    assert found["model_serving_endpoints"]["ask"]["name"] == "dev_jane_doe_ask"
    assert found["volumes"]["boats"] == {"catalog_name": "dev", "schema_name": "dev_jane_doe_raw", "name": "boats"}
    # What refers to a name gets the one with the prefix.
    entity = found["model_serving_endpoints"]["ask"]["config"]["served_entities"][0]
    assert entity["entity_name"] == "dev.dev_jane_doe_raw.dev_jane_doe_price"


def test_the_prefix_of_schemas_can_be_left_to_the_bundle(project: Path) -> None:
    change(project, "include:", "experimental: {skip_name_prefix_for_schema: true}\ninclude:")
    found = resolve_target(read_bundle(project), "dev", user="jane@example.com").resources
    assert found["schemas"]["raw"]["name"] == "raw"
    assert found["registered_models"]["price"]["name"] == "dev_jane_price"


def test_what_is_unpaused_stays_so_and_monitors_lose_their_schedule(project: Path) -> None:
    change(project, "timezone_id: UTC}", "timezone_id: UTC, pause_status: UNPAUSED}")
    write(project, "resources/m.yml", "resources: {quality_monitors: {m: {schedule: {timezone_id: UTC}}}}")
    found = resolve_target(read_bundle(project), "dev", user="jane@example.com").resources
    assert found["jobs"]["rent"]["schedule"]["pause_status"] == "UNPAUSED"
    assert found["quality_monitors"]["m"] == {}


@pytest.mark.parametrize(
    ("user", "short"),
    [
        ("jane@example.com", "jane"),
        ("Jane.Doe-Smith@x.org", "jane_doe_smith"),
        ("_a--b_@x", "a_b"),
        ("5F0C-1A", "5f0c_1a"),
    ],
)
def test_short_name_is_letters_digits_and_underscores(user: str, short: str) -> None:
    assert short_name(user) == short


def test_a_value_given_goes_before_the_targets_and_that_before_the_default(project: Path) -> None:
    change(project, "variables: {owner:", "variables: {cpus: 4, owner:")
    bundle = read_bundle(project)
    assert resolve_target(bundle, "dev", user="a").variables["cpus"] == "4"
    assert resolve_target(bundle, "dev", user="a", variables={"cpus": "8"}).variables["cpus"] == "8"
    assert resolve_target(bundle, "prod", user="a", variables={"owner": "b"}).variables["cpus"] == "2"
    assert (find_required(bundle, "dev"), find_required(bundle, "prod")) == ([], ["owner"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cpus:", "owner2: {}\n  cpus:", "no value for owner2.*--var owner2=VALUE"),
        (
            "default: 2",
            "default: ${var.cpu}",
            r"variables.cpus: \$\{var.cpu\} is not defined; expected one of: catalog, cpus",
        ),
        ("default: 2", "default: ${var.cpus}", "refers to itself: var.cpus -> var.cpus"),
        ("name: rent\n", "name: ${workspace.user}\n", r"resources.jobs.rent.name: \$\{workspace.user\} is not defined"),
        ("name: rent\n", "name: ${resources.jobs.buy.id}\n", r"names no resource of this target; it has: jobs.rent"),
        ("name: rent\n", "name: ${resources.jobs.rent.name}\n", "refers to itself"),
        ("name: rent\n", "name: ${resources.jobs.rent.url}\n", "not known before a deployment"),
        ("name: rent\n", "name: a ${resources.jobs.rent.tags}\n", "is a mapping; expected a value that can stand"),
    ],
)
def test_what_cannot_be_resolved_is_refused(project: Path, old: str, new: str, message: str) -> None:
    change(project, old, new)
    with pytest.raises(BundleError, match=message):
        resolve_target(read_bundle(project), "dev", user="jane", variables={})


def test_a_lookup_is_refused_and_can_be_replaced_by_a_value(project: Path) -> None:
    change(
        project, 'variables: {owner: "${workspace.current_user.userName}"}', "variables: {owner: {lookup: {job: x}}}"
    )
    bundle = read_bundle(project)
    with pytest.raises(BundleError, match="variables.owner of target 'dev' is looked up in a workspace.*--var owner="):
        resolve_target(bundle, "dev", user="jane")
    assert resolve_target(bundle, "dev", user="jane", variables={"owner": "x"}).variables["owner"] == "x"


def test_unknown_targets_and_variables_are_named_with_those_there_are(project: Path) -> None:
    with pytest.raises(BundleError, match="has no target 'qa'; it has: dev, prod"):
        resolve_target(read_bundle(project), "qa", user="jane")
    with pytest.raises(BundleError, match="--var names ownr, and .* declares: catalog, cpus, owner, place"):
        resolve_target(read_bundle(project), "dev", user="jane", variables={"ownr": "x"})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("databricks.yml", "include: [resources/none*.yml]", r"'resources/none\*.yml'; expected one that matches"),
        ("databricks.yml", "- a", "expected a mapping such as 'resources:', found list"),
        ("databricks.yml", "a: [", "is no YAML"),
        ("resources/tables.yml", "resources: {jobs: {a: {}, a: {}}}", "has the key 'a' twice"),
        (
            "resources/tables.yml",
            "resources: {jobs: [a]}",
            r"resources/tables.yml: resources.jobs is \['a'\]; expected",
        ),
        ("resources/tables.yml", "targets: {dev: {resources: {jobs: {a: b}}}}", "targets.dev.resources.jobs.a is 'b'"),
    ],
)
def test_what_cannot_be_read_is_refused(project: Path, name: str, text: str, message: str) -> None:
    write(project, name, text)
    with pytest.raises(BundleError, match=message):
        read_bundle(project)


def test_a_folder_without_a_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"There is no .*databricks.yml"):
        read_bundle(tmp_path)


def test_a_resource_is_traced_to_its_file(project: Path) -> None:
    bundle = read_bundle(project)
    assert bundle.file_of(("resources", "schemas", "raw", "name")) == "resources/tables.yml"
    assert bundle.file_of(("resources", "jobs", "rent")) == "databricks.yml"
    assert bundle.file_of(("variables", "catalog")) == "databricks.yml"


def test_bundles_below_the_project_are_found(project: Path) -> None:
    (project / "bundles" / "later").mkdir(parents=True)
    (project / "bundles" / "notes").mkdir()
    write(project, "bundles/later/databricks.yml", "bundle: {name: later}")
    assert list_bundles(project) == [project, project / "bundles" / "later"]


def test_lists_are_joined_but_what_has_a_key() -> None:
    assert merge({"a": [1]}, {"a": [2]}) == {"a": [1, 2]}
    assert merge({"parameters": [{"name": "a", "default": 1}]}, {"parameters": [{"name": "a", "default": 2}]}) == {
        "parameters": [{"name": "a", "default": 2}]
    }
    # The words of a command are no such entries.
    assert merge({"parameters": ["run"]}, {"parameters": ["now"]}) == {"parameters": ["run", "now"]}
