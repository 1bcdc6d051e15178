"""A stored model that could run foreign code, or was changed, is refused with nothing executed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pytest
import yaml
from kedro.io import DatasetError

from boathouse.errors import OptionError, UntrustedModelError
from boathouse.lifecycle.fresh_process import LoadOptions, load_in_fresh_process, run_guarded
from boathouse.registry.checks import read_schema
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.scoring.files import MAX_FILE_BYTES, digest_of
from tests.fixtures.model_store import FEATURES, NAME, make_dataset, make_model, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# While it is loaded Kedro wraps the error, while it is unpacked nobody does.
REFUSED = (DatasetError, UntrustedModelError)


@pytest.fixture(scope="module")
def house(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a store of its own and one good version, which tests change and :func:`stored` mends."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(empty_store, folder / "mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("late", artifact_location=f"file://{folder}/runs"))
    make_dataset(owner="credit-risk", description="What it is.").save(make_model())
    yield folder
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def stored(house: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder in which the registry keeps the good version; whatever a test does to it is undone."""
    monkeypatch.chdir(house)
    mlflow.set_tracking_uri(f"sqlite:///{house}/mlflow.db")
    (path,) = (house / "runs").rglob("MLmodel")
    folder = path.parent
    shutil.copytree(folder, house / "kept", symlinks=True)
    yield folder
    shutil.rmtree(folder)
    (house / "kept").rename(folder)
    for leftover in folder.parent.glob("executed"):
        leftover.unlink()
    client = mlflow.MlflowClient()
    for version in client.search_model_versions(f"name = '{NAME}'"):
        if version.version != 1:
            client.delete_model_version(NAME, str(version.version))
    client.set_model_version_tag(NAME, "1", "model_digest", digest_of(make_model().files))


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
    "code under another name": lambda each: flavour(each).update(code="extra"),
    "a model of its own class": lambda each: flavour(each).update(python_model="model.pkl"),
    "a configuration for its code": lambda each: flavour(each).update(config={"run": "touch executed"}),
    "flavours that are a list": lambda each: each.update(flavors=["python_function"]),
    "a flavour that is text": lambda each: each["flavors"].update(python_function="attack"),
    "no loader": lambda each: flavour(each).pop("loader_module"),
    "a loader below ours": lambda each: flavour(each).update(loader_module="boathouse.scoring.attack"),
    "a data folder that is a list": lambda each: flavour(each).update(data=["..", "data"]),
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
    with refused(UntrustedModelError, match="attack|code|flavours|flavour|outside|missing|MLmodel|loaded by None"):
        make_dataset().load()
    assert not executed.exists()


@pytest.mark.parametrize("attack", ["code", "attack.py", "model.pkl", "data.pth"])
def test_what_mlflow_does_not_write_may_not_stand_beside_a_model(stored: Path, attack: str) -> None:
    if attack == "code":
        (stored / attack).mkdir()
    (stored / attack / "attack.py" if attack == "code" else stored / attack).touch()
    with refused(UntrustedModelError, match=attack):
        make_dataset().load()


TEXTS = {
    "a tag that calls": "flavors: !!python/object/apply:os.system ['touch {executed}']\n",
    "a tag that makes an object": "flavors: !!python/object/new:subprocess.Popen [['touch', '{executed}']]\n",
    "a tag that names a module": "flavors: !!python/module:attack\n",
    "no mapping": "- flavors\n",
    "no text": "\udcff\udcfe",
    "broken": "flavors: [",
    "empty": "",
    "too deep": "[" * 5000,
    "too large": "# " + "x" * 1_000_001 + "\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_model_file_that_is_more_than_plain_values_is_refused(stored: Path, name: str) -> None:
    executed = stored.parent / "executed"
    text = TEXTS[name].replace("{executed}", str(executed))
    (stored / "MLmodel").write_bytes(text.encode(errors="surrogateescape"))
    with refused(UntrustedModelError, match="MLmodel"):
        make_dataset().load()
    assert not executed.exists()


def test_aliases_that_multiply_are_refused_in_no_time(stored: Path) -> None:
    """Nine levels of nine: a billion values if anybody wrote them out."""
    levels = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    (stored / "MLmodel").write_text("\n".join([*levels, "flavors: *a9", ""]), encoding="utf-8")
    with refused(UntrustedModelError, match="flavours"):
        make_dataset().load()


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


@pytest.mark.parametrize("name", ["model.pkl", "estimator.skops", "estimator.json", "spec.json"])
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
        "estimator.skops": lambda path: path.symlink_to("/etc/hostname"),
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


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "models:/test.models.late/1",
        "runs:/abc/model",
        "https://example.com/model",
        "test.models.late/../other",
        "test.models.late@champion",
        "late",
        "a.b.c.d",
        "",
    ],
)
def test_only_names_of_the_registry_are_loaded(name: str) -> None:
    with pytest.raises(OptionError, match="name of a registered model"):
        ModelVersionDataset(name=name)


def test_files_sealed_anew_are_not_those_that_were_registered(stored: Path) -> None:
    """Whoever can write the artefacts can write a manifest as well; the registry's tag is not theirs."""
    folder = data_folder(stored)
    for name, content in make_model(risk=0.01).files.items():
        (folder / name).write_bytes(content)
    with refused(UntrustedModelError, match="was registered with digest"):
        make_dataset().load()


def test_a_version_without_recorded_digest_is_refused(stored: Path) -> None:
    mlflow.MlflowClient().delete_model_version_tag(NAME, "1", "model_digest")
    with refused(UntrustedModelError, match="registered with digest none"):
        make_dataset().load()


def test_a_version_whose_artefacts_are_elsewhere_is_held_to_the_same(stored: Path, tmp_path: Path) -> None:
    """A registry lets anybody who may register point a version at any folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("x", encoding="utf-8")
    mlflow.MlflowClient().create_model_version(NAME, source=elsewhere.as_uri())
    with refused(UntrustedModelError, match="MLmodel"):
        make_dataset().load()


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def make_endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_folder_link(path: Path) -> None:
    path.symlink_to("/etc")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [make_link, make_endless_link, make_folder_link, make_pipe])
@pytest.mark.parametrize("place", ["beside", "within"])
def test_links_and_devices_are_refused_before_anything_is_copied(
    stored: Path, make: Callable[[Path], None], place: str
) -> None:
    folder = stored if place == "beside" else data_folder(stored)
    make(folder / "requirements.txt2")
    with refused(UntrustedModelError, match="a link or a device"):
        make_dataset().load()


def test_a_link_in_place_of_a_good_file_is_refused_though_its_digest_is_right(stored: Path, tmp_path: Path) -> None:
    path = data_folder(stored) / "spec.json"
    path.rename(tmp_path / "spec.json")
    path.symlink_to(tmp_path / "spec.json")
    with refused(UntrustedModelError, match="a link or a device"):
        make_dataset().load()


def test_a_data_folder_that_is_a_link_outside_is_refused(stored: Path, tmp_path: Path) -> None:
    folder = data_folder(stored)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    with refused(UntrustedModelError, match="a link or a device"):
        make_dataset().load()


def test_files_too_large_are_refused_before_they_are_copied(stored: Path) -> None:
    with (data_folder(stored) / "estimator.skops").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # a hole: it takes no room on the disk
    with refused(UntrustedModelError, match="a model has few"):
        make_dataset().load()


def test_files_too_many_are_refused(stored: Path) -> None:
    for number in range(60):
        (stored / f"note{number}.txt").touch()
    with refused(UntrustedModelError, match="60|5[0-9] file"):
        make_dataset().load()


LIES: dict[str, Callable[[dict[str, str]], Any]] = {
    "a path outside": lambda each: {**each, "../../spec.json": each["spec.json"]},
    "an absolute path": lambda each: {**each, "/etc/passwd": each["spec.json"]},
    "a file that is not there": lambda each: {**each, "estimator.skops": each["spec.json"]},
    "a file that is not listed": lambda each: {"spec.json": each["spec.json"]},
    "another digest": lambda each: {**each, "spec.json": "0" * 64},
    "no digest": lambda each: {**each, "spec.json": None},
    "a list": list,
    "itself": lambda each: {**each, "manifest.json": each["spec.json"]},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_refused(stored: Path, lie: str) -> None:
    path = data_folder(stored) / "manifest.json"
    told = LIES[lie](json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(told), encoding="utf-8")
    # The digest of the manifest is in the registry: suppose that was changed as well.
    tag = hashlib.sha256(path.read_bytes()).hexdigest()
    mlflow.MlflowClient().set_model_version_tag(NAME, "1", "model_digest", tag)
    with pytest.raises(REFUSED, match="manifest|changed|disagree"):
        _ = make_dataset().load().scorer


def test_what_is_refused_is_not_started_in_a_process_either(stored: Path) -> None:
    """The registry refuses first: the process never sees the files."""
    executed = stored.parent / "executed"
    (data_folder(stored) / "estimator.json").write_bytes(pickle.dumps(Bomb(str(executed))))
    with pytest.raises(REFUSED):
        _ = load_in_fresh_process(make_dataset().load().files, LoadOptions(30, 10, 3, 7))
    assert not executed.exists()


def test_a_guarded_process_refuses_a_folder_of_such_files(stored: Path, tmp_path: Path) -> None:
    """And if something handed it the folder past the registry, it would find them as well."""
    executed = tmp_path / "executed"
    folder = data_folder(stored)
    (folder / "estimator.json").write_bytes(pickle.dumps(Bomb(str(executed))))
    rows = tmp_path / "rows.npy"
    np.save(rows, np.zeros((3, 2)))
    found = run_guarded(folder, rows, LoadOptions(60, 3, 3, 7))
    assert found.problem.startswith("UntrustedModelError")
    assert not executed.exists()


def test_a_good_version_tells_its_signature_and_words(stored: Path) -> None:
    loaded = make_dataset().load()
    assert loaded.description == "What it is."
    assert loaded.tags["owner"] == "credit-risk"
    assert loaded.schema.inputs == tuple((name, "double") for name in FEATURES)
    assert loaded.schema.outputs == (("probability", "double"), ("decision", "long"), ("reasons", "string"))


@pytest.mark.parametrize(
    "signature", [None, "text", {}, {"inputs": "[", "outputs": "[]"}, {"inputs": 1, "outputs": 2}, {"inputs": "[{}]"}]
)
def test_a_signature_that_cannot_be_read_is_none(signature: Any) -> None:
    assert read_schema(signature) is None
