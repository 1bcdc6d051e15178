"""Environments are listed from a folder and from the archives that are deployed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from boathouse.core.errors import ConfigError
from boathouse.environment import list_environments, require_environment

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    for name in ("base", "dev", "prod"):
        (tmp_path / "conf" / name).mkdir(parents=True)
        (tmp_path / "conf" / name / "globals.yml").touch()
    (tmp_path / "conf" / "logging.yml").touch()
    return tmp_path / "conf"


@pytest.mark.parametrize("form", ["folder", "gztar", "zip"])
def test_every_form_has_the_same_environments(conf: Path, tmp_path: Path, form: str) -> None:
    source = conf
    if form != "folder":
        source = Path(shutil.make_archive(str(tmp_path / "packed"), form, root_dir=tmp_path, base_dir="conf"))
    assert list_environments(source) == ("dev", "prod")


def test_this_project_has_the_four_environments() -> None:
    assert set(list_environments(CONF)) - {"local"} == {"dev", "prod", "staging", "test"}


def test_an_unknown_environment_is_told_with_those_there_are(conf: Path) -> None:
    with pytest.raises(ConfigError, match=r"Unknown environment 'prd'\. .* has: dev, prod\."):
        require_environment("prd", conf)


def test_a_folder_without_base_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--conf-source"):
        list_environments(tmp_path)
