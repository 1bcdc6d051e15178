"""The tests pass where optional parts are missing, one by one and all together, and say what to install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.fixtures.needs import BROWSERS, OTHER_PYTHON, PARTS, PROGRAMS
from tests.fixtures.platform_environment import COMMAND, SPARK_CLIENTS, locate

ROOT = Path(__file__).resolve().parents[2]
DELTA_JAR = f"io.delta_delta-spark_4.0_2.13-{version('delta-spark')}.jar"
KAFKA_JARS = ("org.apache.kafka_kafka_2.13-3.9.1.jar", "org.apache.spark_spark-sql-kafka-0-10_2.13-4.2.0.jar")
# What is hidden -> the markers whose tests are then skipped, and the command that their reason names.
HIDDEN = {
    "java": (("spark", "kafka"), "apt-get install default-jre-headless"),
    "Spark's jars": (("spark",), "make jars"),
    "Kafka's jars": (("kafka",), "python tests/fixtures/kafka_broker.py"),
    "PostgreSQL": (("postgres",), "apt-get install postgresql"),
    "Chromium": (("browser",), "apt-get install chromium"),
    "the other Python": (("other_python",), f"pyenv install {OTHER_PYTHON}"),
    "the platform's packages": (("platform_sets",), COMMAND),
    "curl": (("curl",), "apt-get install curl"),
    "git": (("git", "with_a_trained_workspace"), "apt-get install git"),
    "openssl": (("openssl",), "apt-get install openssl"),
    "pgrep": (("pgrep",), "apt-get install procps"),
}
TESTS = (
    "import pytest\n\ndef test_plain():\n    pass\n"
    + "".join(f"\n@pytest.mark.{part}\ndef test_{part}():\n    pass\n" for part in PARTS)
    + "".join(f"\n@pytest.mark.programs('{name}')\ndef test_{name}():\n    pass\n" for name in PROGRAMS)
    + """
@pytest.fixture(scope="session")
def trained_once():
    return 1

def test_with_a_trained_workspace(trained_once):
    pass
"""
)
# Without a marker, of each marker, of each program, and one that has a fixture which needs git.
COUNT = 2 + len(PARTS) + len(PROGRAMS)
# Real ones, of each marker that has any.
MARKED_FILES = (
    "tests/tables/engines/test_spark.py",
    "tests/inference/test_structured_stream.py",
    "tests/features/online/test_outages.py",
    "tests/monitoring/test_report_in_browser.py",
    "tests/repository/test_other_python.py",
    "tests/repository/test_platform_sets.py",
)


def build_machine(folder: Path, *hidden: str) -> dict[str, str]:
    """Return the environment of a machine that has stand-ins of every optional part but those ``hidden``."""
    paths = {
        "java": ["bin/java"],
        "Spark's jars": [f"home/.ivy2/jars/{DELTA_JAR}"],
        "Kafka's jars": [f"home/.ivy2/jars/{name}" for name in KAFKA_JARS],
        "PostgreSQL": ["postgresql/15/bin/pg_ctl", "bin/runuser"],
        "Chromium": [f"bin/{BROWSERS[0]}"],
        "the other Python": [f"bin/python{OTHER_PYTHON}"],
        "the platform's packages": [f"home/{locate(name).relative_to(Path.home())}/ready" for name in SPARK_CLIENTS],
        **{name: [f"bin/{name}"] for name in PROGRAMS},
    }
    (folder / "bin").mkdir(parents=True)
    for path in [folder / name for part, names in paths.items() if part not in hidden for name in names]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in {"JAVA_HOME", "BOATHOUSE_NO_SKIPS"}}
    return kept | {
        "PATH": str(folder / "bin"),
        "HOME": str(folder / "home"),
        "BOATHOUSE_POSTGRES": str(folder / "postgresql"),
    }


def run_tests(environment: dict[str, str], *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def run_planted(folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run one planted test without a marker and one of each marker; other plugins would only take time to load."""
    environment = environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    (folder / "test_parts.py").write_text(TESTS, encoding="utf-8")
    return run_tests(environment, "-p", "tests.fixtures.needs", "-c", os.devnull, "--rootdir", str(folder), str(folder))


def test_all_run_where_every_part_is(tmp_path: Path) -> None:
    code, report = run_planted(tmp_path, build_machine(tmp_path / "machine") | {"BOATHOUSE_NO_SKIPS": "1"})
    assert code == 0, report
    assert f"{COUNT} passed" in report


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_hidden_part_skips_its_tests_alone_and_names_the_command(tmp_path: Path, hidden: str) -> None:
    skipped, command = HIDDEN[hidden]
    environment = build_machine(tmp_path / "machine", hidden)
    code, report = run_planted(tmp_path, environment)
    assert code == 0, report
    assert f"{COUNT - len(skipped)} passed, {len(skipped)} skipped" in report
    assert len(re.findall(rf"^SKIPPED .*{re.escape(command)}", report, flags=re.MULTILINE)) >= 1
    code, report = run_planted(tmp_path, environment | {"BOATHOUSE_NO_SKIPS": "1"})
    assert code == 1, report
    for part in skipped:
        assert re.search(
            rf"test_{part} was skipped, and BOATHOUSE_NO_SKIPS=1 allows none: .*{re.escape(command)}", report
        )


def test_the_tests_of_every_optional_part_are_skipped_on_a_bare_machine(tmp_path: Path) -> None:
    environment = build_machine(tmp_path / "machine", *HIDDEN)
    code, report = run_tests(environment, "-m", " or ".join(PARTS), *MARKED_FILES)
    assert code == 0, report
    assert "passed" not in report.splitlines()[-1]
    for command in (HIDDEN[part][1] for part in ("java", "PostgreSQL", "Chromium", "the other Python")):
        assert command in report


def test_the_list_before_the_tests_names_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    environment = build_machine(tmp_path / "machine", "PostgreSQL")
    command = [sys.executable, "-m", "tests.fixtures.needs"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^  (\w+) +(.+)$", done.stdout, flags=re.MULTILINE))
    assert listed == dict.fromkeys([*PARTS, "programs"], "present") | {
        "postgres": "needs PostgreSQL: apt-get install postgresql",
    }
