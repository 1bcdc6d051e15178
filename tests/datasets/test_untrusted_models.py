"""A stored model that could run foreign code, or was changed, is refused with nothing executed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
import yaml
from kedro.io import DatasetError

from boathouse.core.errors import UntrustedModelError
from tests.model_store import NAME, make_dataset, make_model, refused

if TYPE_CHECKING:
    from collections.abc import Callable

# While it is loaded Kedro wraps the error, while it is unpacked nobody does.
REFUSED = (DatasetError, UntrustedModelError)


@pytest.fixture
def stored(store: Path, tmp_path: Path) -> Path:
    """Return the folder in which the registry keeps a good version."""
    make_dataset().save(make_model())
    (path,) = (tmp_path / "runs").rglob("MLmodel")
    return path.parent


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the MLmodel file as someone with access to the artefacts could."""
    path = folder / "MLmodel"
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(described)
    path.write_text(yaml.safe_dump(described), encoding="utf-8")


def flavour(described: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described["flavors"]["python_function"]
    return found


ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a loader of its own": lambda each: flavour(each).update(loader_module="attack"),
    "code beside it": lambda each: flavour(each).update(code="code"),
    "another flavour": lambda each: each["flavors"].update(sklearn={"pickled_model": "model.pkl"}),
    "no known flavour": lambda each: each.update(flavors={}),
    "a path outside": lambda each: flavour(each).update(data="../../../../../etc"),
    "an absolute path": lambda each: flavour(each).update(data="/etc"),
    "its own folder": lambda each: flavour(each).update(data="."),
    "no path": lambda each: flavour(each).pop("data"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_model_file_that_asks_for_more_than_our_loader_is_refused(
    stored: Path, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = stored.parent / "executed"
    module = f"from pathlib import Path\nPath({str(executed)!r}).touch()\n_load_pyfunc = None\n"
    (stored / "attack.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(stored))
    edit(stored, ATTACKS[attack])
    with refused(UntrustedModelError, match="attack|code|flavours|outside|missing"):
        make_dataset().load()
    assert not executed.exists()


def test_the_attacks_would_work_on_mlflow_itself(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executed = stored.parent / "executed"
    module = f"from pathlib import Path\nPath({str(executed)!r}).touch()\ndef _load_pyfunc(path): return None\n"
    (stored / "attack.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(stored))
    edit(stored, ATTACKS["a loader of its own"])
    with pytest.raises(mlflow.exceptions.MlflowException):
        mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    assert executed.exists()


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


def data_folder(stored: Path) -> Path:
    """Return the folder with the sealed files."""
    return next(path.parent for path in stored.rglob("manifest.json"))


@pytest.mark.parametrize("name", ["model.pkl", "estimator.skops", "estimator.ubj", "spec.json"])
def test_a_pickle_under_any_name_is_refused(stored: Path, name: str) -> None:
    executed = stored.parent / "executed"
    (data_folder(stored) / name).write_bytes(pickle.dumps(Bomb(str(executed))))
    with pytest.raises(REFUSED):
        make_dataset().load().scorer.predict_probability([[0.0, 0.0]])
    assert not executed.exists()


@pytest.mark.parametrize("name", ["spec.json", "estimator.json"])
def test_a_changed_byte_is_found(stored: Path, name: str) -> None:
    path = data_folder(stored) / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(REFUSED, match=name):
        _ = make_dataset().load().scorer


def test_a_file_too_many_a_link_and_a_folder_are_found(stored: Path) -> None:
    folder = data_folder(stored)
    for name, make in {
        "notes.txt": Path.touch,
        "inner": Path.mkdir,
        "estimator.ubj": lambda path: path.symlink_to("/etc/hostname"),
    }.items():
        make(folder / name)
        with pytest.raises(REFUSED, match=name):
            _ = make_dataset().load().scorer
        (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink()
    assert make_dataset().load().scorer


def test_a_missing_folder_is_refused(stored: Path) -> None:
    edit(stored, lambda each: flavour(each).update(data="elsewhere"))
    with refused(UntrustedModelError, match="missing"):
        make_dataset().load()
