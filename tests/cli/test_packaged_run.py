"""The wheel and the packaged configuration, installed in an environment of their own, run outside the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import ROOT

if TYPE_CHECKING:
    from click.testing import Result

CUSTOMERS = 300
# So few customers show no advantage over the business rule.
LENIENT = ",".join(
    f"promotion.gates.modes.{name}=warn"
    for name in ("beats_baseline", "minimum_roc_auc", "demographic_parity", "equalized_odds")
)


class Installed:
    """An environment with the wheel, and a folder of data."""

    def __init__(self, folder: Path, dist: Path) -> None:
        self.python = folder / "env" / "bin" / "python"
        self.data = folder / "data"
        self.elsewhere = folder / "elsewhere"
        self.conf = dist / "conf-boathouse.tar.gz"

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the installed program outside the project."""
        return self.call([str(self.python.with_name("boathouse")), *words], **variables)

    def call(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` outside the project, with nothing of this process's environment that could lead into it."""
        kept = {"PATH", "HOME", "LANG", "TZ", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "MPLBACKEND"}
        environment = {name: value for name, value in os.environ.items() if name in kept}
        return subprocess.run(
            command, cwd=self.elsewhere, env=environment | variables, capture_output=True, text=True, check=False
        )


def take_sample(source: Path, target: Path) -> None:
    """Copy the rows of the first customers."""
    target.mkdir(parents=True)
    for path in source.glob("*.csv"):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if int(row.split(",", 1)[0]) <= CUSTOMERS]
        (target / path.name).write_text("\n".join([header, *kept, ""]), encoding="utf-8")


def make_environment(folder: Path) -> None:
    """Make an environment to which this one lends its libraries, but not the package."""
    venv.create(folder, with_pip=False)
    where = [str(folder / "bin" / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    # A path in such a file is searched last, and the files of the same kind in it are not read.
    (Path(site) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


def install(python: Path, requirement: str, folder: Path) -> None:
    """Install a requirement, a path seen from ``folder``, without any index."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    # Without the path of the sources, in which pip would find the package installed already.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, requirement], check=True, env=environment, cwd=folder)


@pytest.fixture(scope="module")
def installed(packaged: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel into a fresh environment; libraries are lent by this one, the package is not."""
    folder = tmp_path_factory.mktemp("installed")
    dist, _ = packaged
    found = Installed(folder, dist)
    make_environment(folder / "env")
    (wheel,) = dist.glob("*.whl")
    install(found.python, str(wheel), dist)
    found.elsewhere.mkdir()
    take_sample(ROOT / "data" / "01_raw", found.data / "01_raw")
    return found


def test_the_package_that_runs_is_the_installed_one(installed: Installed) -> None:
    done = installed.call([str(installed.python), "-c", "import boathouse; print(boathouse.__file__)"])
    assert done.stdout.startswith(str(installed.python.parents[1]))


def test_what_is_missing_is_named_with_the_command_that_makes_it(installed: Installed) -> None:
    options = ["--env", "staging", "--conf-source", str(installed.conf), "--data-dir", str(installed.data)]
    done = installed.run("run", "--pipeline", "training", *options)
    assert done.returncode == 1
    assert "Table 'staging.clean.statements' does not exist in environment 'staging'" in done.stderr
    assert "--pipeline data_prep --env staging" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def prod(installed: Installed) -> Installed:
    """Run prod up to its promotion: once with the data named by an option, once by the environment variable."""
    options = ["--env", "prod", "--conf-source", str(installed.conf)]
    first = ["--pipelines", "data_prep,feature_engineering", "--data-dir", str(installed.data)]
    made = installed.run("run", *first, *options)
    assert made.returncode == 0, made.stderr
    done = installed.run(
        "run", "--pipelines", "training,evaluation,promotion", *options, BOATHOUSE_DATA=str(installed.data)
    )
    assert done.returncode == 0, done.stderr
    return installed


def test_pipelines_go_on_in_prod_where_earlier_ones_left_off(prod: Installed) -> None:
    installed = prod
    assert (installed.data / "lakehouse" / "prod" / "audit" / "promotions" / "_delta_log").is_dir()
    assert (installed.data / "mlflow.db").is_file()
    assert list(installed.elsewhere.iterdir()) == []


# What an endpoint of MLflow does, and our own loader, with the files of a model.
SCORE = """
import json, sys
from pathlib import Path
import mlflow, pandas as pd, yaml
import boathouse
from boathouse.scoring.files import read_folder
from boathouse.scoring.scorer import load_scorer
model = Path(sys.argv[1])
example = pd.DataFrame(**json.loads((model / "input_example.json").read_text()))
theirs = mlflow.pyfunc.load_model(str(model)).predict(example)["probability"].tolist()
flavour = yaml.safe_load((model / "MLmodel").read_text())["flavors"]["python_function"]
scorer = load_scorer(read_folder(model / flavour["data"]))
ours = scorer.answer(example[list(scorer.spec.features)].to_numpy())["probability"].tolist()
print(json.dumps([theirs, ours, boathouse.__version__, boathouse.__file__]))
"""


def test_the_environment_of_a_model_is_made_from_what_it_carries(prod: Installed, tmp_path: Path) -> None:
    """A job's model, in an environment that has never seen the project, with nothing of an index."""
    wheels = sorted(prod.data.rglob("wheels/boathouse-*.whl"))
    assert len(wheels) == 2  # of the candidate and of the baseline
    model = wheels[0].parents[1]
    make_environment(tmp_path / "endpoint")
    python = tmp_path / "endpoint" / "bin" / "python"
    score = [str(python), "-c", SCORE, str(model)]
    assert "No module named 'boathouse'" in prod.call(score).stderr
    named = [line for line in (model / "requirements.txt").read_text().splitlines() if "boathouse" in line]
    assert named == [f"wheels/{wheels[0].name}"]
    install(python, named[0], model)
    done = prod.call(score)
    assert done.returncode == 0, done.stderr
    theirs, ours, version, place = json.loads(done.stdout.splitlines()[-1])
    assert theirs == ours
    assert 0 < theirs[0] < 1
    assert wheels[0].name == f"boathouse-{version}-py3-none-any.whl"
    assert place.startswith(str(tmp_path / "endpoint"))


def test_the_whole_flow_runs_outside_the_project(installed: Installed) -> None:
    places = ["--conf-source", str(installed.conf), "--data-dir", str(installed.data)]
    done = installed.run("run", *places, "--params", LENIENT)
    assert done.returncode == 0, done.stderr
    assert "Summary of environment 'dev'" in done.stdout
    assert (installed.data / "lakehouse" / "dev" / "inference" / "predictions" / "_delta_log").is_dir()


# What the platform does with a wheel task: entry point by name, words in sys.argv, a call without arguments.
WHEEL_TASKS = """
import json, sys
from importlib.metadata import distribution
(found,) = [each for each in distribution("boathouse").entry_points if each.name == "boathouse"]
ends = []
for interactive, pipeline in json.loads(sys.argv[1]):
    if interactive:
        sys.ps1 = ">>> "
    sys.argv = ["boathouse", "run", "--pipelines", pipeline, *json.loads({words!r})]
    try:
        found.load()()
    except SystemExit as ended:
        ends.append(f"exit {{ended.code}}")
    except BaseException as error:
        ends.append(type(error).__name__)
    else:
        ends.append("went on")
    if interactive:
        del sys.ps1
print(json.dumps(ends))
"""


def test_a_wheel_task_ends_as_its_run_did(installed: Installed) -> None:
    """In a plain process, which is ended, and in an interpreter that must not be: there a failure is an exception."""
    tasks = [(False, "data_prep"), (False, "monitoring"), (True, "data_prep"), (True, "monitoring")]
    places = ["--env", "test", "--conf-source", str(installed.conf), "--data-dir", str(installed.data)]
    code = WHEEL_TASKS.format(words=json.dumps(places))
    done = installed.call([str(installed.python), "-c", code, json.dumps(tasks)])
    assert done.returncode == 0, done.stderr
    *succeeded_and_failed, in_interpreter, failed_there = json.loads(done.stdout.splitlines()[-1])
    assert succeeded_and_failed == ["exit 0", "exit 1"]
    assert in_interpreter == "went on"
    assert failed_there not in {"went on", "exit 0"}
