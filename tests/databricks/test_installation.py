"""What an installation replaces is decided by pip itself, from an index of small wheels made here."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from boathouse.cli.package import describe_changes
from boathouse.databricks.installation import Change, plan_installation
from boathouse.databricks.published_sets import PublishedSet
from boathouse.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

THERE = PublishedSet(
    name="stand-in",
    title="A stand-in",
    python="3.12",
    source="made here",
    date="2026-01-01",
    versions={"numbers-lib": "2.1", "click-lib": "8.1", "idle-lib": "1.0", "track-skinny": "3.8"},
)
# Name, version, requirements.
INDEX = (
    ("numbers-lib", "2.1", ()),
    ("numbers-lib", "2.4", ()),
    ("click-lib", "8.2", ()),
    ("idle-lib", "9.0", ()),
    ("flow-lib", "1.7", ("click-lib>=8.2", "idle-lib")),
    ("track", "3.8", ("track-skinny==3.8",)),
    ("track", "3.17", ("track-skinny==3.17",)),
    ("track-skinny", "3.8", ()),
    ("track-skinny", "3.17", ()),
    ("extra-lib", "1.0", ()),
)


def write_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...]) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(path, "w") as archive:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        archive.writestr(f"{stem}.dist-info/METADATA", metadata)
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return path


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a wheel that asks for what the environment has, for what it has otherwise, and for what it has not."""
    index = tmp_path / "index"
    index.mkdir()
    for name, version, requires in INDEX:
        write_wheel(index, name, version, requires)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", index.as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    needs = ("numbers-lib>=2.1", "flow-lib~=1.7", "track>=3.8", 'extra-lib; extra == "more"')
    return write_wheel(tmp_path, "boathouse", "1.0", needs)


def test_what_is_met_stays_and_what_is_not_is_replaced_for_a_reason(wheel: Path) -> None:
    changes = {each.name: each for each in plan_installation(THERE, str(wheel))}
    assert changes.pop("boathouse") == Change(name="boathouse", before=None, after="1.0")
    assert changes == {
        "click-lib": Change(name="click-lib", before="8.1", after="8.2", wanted_by=("flow-lib: click-lib>=8.2",)),
        "flow-lib": Change(name="flow-lib", before=None, after="1.7"),
        "track": Change(name="track", before=None, after="3.17"),
        # The newest of what is added asks for the same version of a part that was there.
        "track-skinny": Change(
            name="track-skinny", before="3.8", after="3.17", wanted_by=("track: track-skinny==3.17",)
        ),
    }


def test_constraints_keep_what_the_environment_has(wheel: Path, tmp_path: Path) -> None:
    limits = tmp_path / "constraints.txt"
    limits.write_text("track==3.8\nidle-lib==1.0  # stays\n", encoding="utf-8")
    changes = {each.name: each.after for each in plan_installation(THERE, str(wheel), constraints=limits)}
    assert changes == {"boathouse": "1.0", "click-lib": "8.2", "flow-lib": "1.7", "track": "3.8"}


def test_what_cannot_be_installed_says_why(wheel: Path, tmp_path: Path) -> None:
    limits = tmp_path / "constraints.txt"
    limits.write_text("click-lib==8.1\n", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"boathouse-1\.0-py3-none-any\.whl can be installed in A stand-in.*click-lib"
    ):
        plan_installation(THERE, str(wheel), constraints=limits)


def test_the_command_says_what_is_added_and_what_is_replaced(wheel: Path) -> None:
    assert describe_changes(plan_installation(THERE, str(wheel))) == [
        "added, 2: flow-lib 1.7, track 3.17",
        "replaced, 2:",
        "  click-lib 8.1 by 8.2 (flow-lib: click-lib>=8.2)",
        "  track-skinny 3.8 by 3.17 (track: track-skinny==3.17)",
    ]
