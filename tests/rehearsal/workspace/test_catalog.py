"""Catalogs, schemas, volumes, their grants and their files, asked by the platform's own client."""

from __future__ import annotations

import io

import pytest
from databricks.sdk.errors import AlreadyExists, NotFound, PermissionDenied
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType

from boathouse.rehearsal.workspace.answers import ServiceError
from boathouse.rehearsal.workspace.folders import USERS
from tests.fixtures.rehearsed_workspace import ADMIN, DORA, JOBS, VOLUME, Rehearsed

pytestmark = pytest.mark.platform
FILE = "/Volumes/prod/raw/landing/01_raw/orders.csv"


def test_who_may_makes_schemas_and_owns_them(rehearsed: Rehearsed) -> None:
    jobs, dora = rehearsed.client(JOBS), rehearsed.client(DORA)
    made = jobs.schemas.create("raw", "prod", comment="as delivered")
    assert (made.full_name, made.owner) == ("prod.raw", JOBS)
    with pytest.raises(AlreadyExists):
        jobs.schemas.create("raw", "prod")
    with pytest.raises(PermissionDenied, match="User does not have CREATE SCHEMA on Catalog 'prod'"):
        dora.schemas.create("mine", "prod")
    with pytest.raises(NotFound, match="Catalog 'none' does not exist"):
        jobs.schemas.create("raw", "none")
    with pytest.raises(PermissionDenied, match="CREATE CATALOG on Metastore"):
        jobs.catalogs.create("third")
    assert rehearsed.client(ADMIN).catalogs.create("third").name == "third"
    with pytest.raises(PermissionDenied, match="User does not have USE SCHEMA on Schema 'prod.raw'"):
        dora.volumes.create("prod", "raw", "mine", volume_type=VolumeType.MANAGED)
    assert jobs.volumes.create("prod", "raw", "mine", volume_type=VolumeType.MANAGED).full_name == "prod.raw.mine"
    assert [each.name for each in jobs.schemas.list("prod")] == ["raw"]


def test_grants_are_changed_by_who_owns_and_told_with_what_is_inherited(deployed: Rehearsed) -> None:
    jobs, dora = deployed.client(JOBS), deployed.client(DORA)
    with pytest.raises(PermissionDenied, match="MANAGE on 'prod.raw'"):
        dora.grants.update("schema", "prod.raw", changes=[PermissionsChange(add=[Privilege.MODIFY], principal=DORA)])
    jobs.grants.update("schema", "prod.raw", changes=[PermissionsChange(add=[Privilege.MODIFY], principal=DORA)])
    assigned = jobs.grants.get("schema", "prod.raw").privilege_assignments or ()
    given = {each.principal: each.privileges for each in assigned}
    assert given[DORA] == [Privilege.MODIFY]

    of_all = dora.grants.get_effective("schema", "prod.raw", principal="account users")
    (effective,) = of_all.privilege_assignments or ()
    told = {each.privilege: each.inherited_from_name for each in effective.privileges or ()}
    assert (told[Privilege.SELECT], told[Privilege.USE_CATALOG]) == (None, "prod")
    jobs.grants.update("schema", "prod.raw", changes=[PermissionsChange(remove=[Privilege.MODIFY], principal=DORA)])
    assert not dora.grants.get_effective("schema", "prod.raw", principal=DORA).privilege_assignments


def test_what_one_has_no_right_on_is_hidden(deployed: Rehearsed) -> None:
    deployed.workspace.access.grants["prod.monitoring"].clear()
    dora = deployed.client(DORA)
    assert dora.schemas.get("prod.raw").owner == JOBS
    with pytest.raises(PermissionDenied, match="USE SCHEMA on Schema 'prod.monitoring'"):
        dora.schemas.get("prod.monitoring")
    with pytest.raises(NotFound, match="Schema 'prod.none' does not exist"):
        dora.schemas.get("prod.none")
    assert "monitoring" not in {each.name for each in dora.schemas.list("prod")}


def test_tables_are_those_of_another_service(deployed: Rehearsed) -> None:
    deployed.workspace.catalog.find_table = {"prod.inference.predictions"}.__contains__
    dora = deployed.client(DORA)
    assert dora.tables.exists("prod.inference.predictions").table_exists is True
    assert dora.tables.exists("prod.inference.other").table_exists is False
    assert dora.tables.get("prod.inference.predictions").full_name == "prod.inference.predictions"


def test_files_of_a_volume_are_written_and_read_by_right(deployed: Rehearsed) -> None:
    jobs, dora = deployed.client(JOBS).files, deployed.client(DORA).files
    assert list(dora.list_directory_contents("/Volumes/prod/raw/landing")) == []
    jobs.upload(FILE, io.BytesIO(b"a,b\n1,2\n"), overwrite=True)
    assert dora.download(FILE).contents.read() == b"a,b\n1,2\n"
    assert dora.get_metadata(FILE).content_length == 8
    assert [each.path for each in dora.list_directory_contents("/Volumes/prod/raw/landing/01_raw")] == [FILE]
    with pytest.raises(PermissionDenied, match=f"User does not have WRITE VOLUME on Volume '{VOLUME}'"):
        dora.upload(FILE, io.BytesIO(b"mine"), overwrite=True)
    with pytest.raises(AlreadyExists):
        jobs.upload(FILE, io.BytesIO(b"again"), overwrite=False)
    with pytest.raises(NotFound, match="Volume 'prod.raw.none' does not exist"):
        jobs.upload("/Volumes/prod/raw/none/a.csv", io.BytesIO(b"x"))
    assert deployed.workspace.files.local(FILE).read_bytes() == b"a,b\n1,2\n"
    jobs.delete(FILE)
    with pytest.raises(NotFound):
        jobs.download(FILE)


def test_a_deployment_needs_the_catalog_and_the_right_to_make_things(rehearsed: Rehearsed) -> None:
    schemas = {"schemas": {"raw": {"catalog_name": "prod", "name": "raw"}}}
    with pytest.raises(ServiceError, match="CREATE SCHEMA on Catalog 'prod'"):
        rehearsed.workspace.load_resources(schemas, owner=DORA)
    rehearsed.workspace.load_resources(schemas, owner=JOBS)
    rehearsed.workspace.load_resources(schemas, owner=JOBS)
    with pytest.raises(ServiceError, match="Catalog 'staging' does not exist"):
        rehearsed.workspace.load_resources({"schemas": {"raw": {"catalog_name": "staging", "name": "raw"}}}, owner=JOBS)


def test_folders_are_shared_or_ones_own(rehearsed: Rehearsed) -> None:
    dora = rehearsed.client(DORA).workspace
    dora.mkdirs("/Shared/boathouse")
    assert dora.get_status("/Shared/boathouse").path == "/Shared/boathouse"
    dora.mkdirs(f"{USERS}/{DORA}/runs")
    assert [each.path for each in dora.list(f"{USERS}/{DORA}")] == [f"{USERS}/{DORA}/runs"]
    with pytest.raises(PermissionDenied, match="Edit permissions"):
        dora.mkdirs(f"{USERS}/{JOBS}/runs")
    with pytest.raises(NotFound, match=r"Path \(/Shared/none\)"):
        dora.get_status("/Shared/none")
