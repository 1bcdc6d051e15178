"""Processes that share a session of Spark Connect, as the batches of a stream do: each sees the catalog as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.connect_server import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from boathouse.rehearsal.connect import ConnectServer

pytestmark = [pytest.mark.platform, pytest.mark.spark]
# The first question of a process: its plan has the same number in each of them.
_ASK = """
import sys
from pyspark.sql import SparkSession
from boathouse.tables.catalog_errors import list_catalog_tables

session = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
{question}
"""
OURS = "print(list_catalog_tables(session, 'prod.clean', like='made_between'))"
SPARKS = "print([name for name in ['made_between'] if session.catalog.tableExists(f'prod.clean.{name}')])"


def ask(url: str, question: str) -> str:
    """Return what a process of its own prints."""
    path = os.pathsep.join([(ROOT / "src").as_posix(), ROOT.as_posix()])
    done = subprocess.run(
        [sys.executable, "-c", _ASK.format(question=question), url],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("question", "after"), [(OURS, "['made_between']"), (SPARKS, "[]")], ids=["ours", "spark's"])
def test_a_table_made_between_two_processes_of_a_session_is_there(
    connect_server: ConnectServer, deployer: SparkSession, question: str, after: str
) -> None:
    """Spark's own question is answered from the plan that the process before has asked; ours is asked again."""
    url = f"{connect_server.url_for('token-of-sp-prod', label='processes')};session_id={uuid.uuid4()}"
    assert ask(url, question) == "[]"
    deployer.sql("CREATE TABLE prod.clean.made_between (a INT) USING delta").collect()
    try:
        assert ask(url, question) == after
    finally:
        deployer.sql("DROP TABLE prod.clean.made_between").collect()
