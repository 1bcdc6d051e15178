"""What a stored model has to look like before anything of it is loaded: name, size, layout, loader, digest."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from boathouse.errors import OptionError, UntrustedModelError
from boathouse.registry.wheels import FOLDER as WHEELS
from boathouse.registry.wheels import list_foreign_wheels
from boathouse.scoring.files import MAX_FILE_BYTES, ModelFiles, digest_of

if TYPE_CHECKING:
    from boathouse.modelling.result import ModelSchema

LOADER = "boathouse.scoring.pyfunc"
MLMODEL = "MLmodel"
DIGEST_TAG = "model_digest"
# <catalog>.<schema>.<model>: no path, no address, nothing that MLflow would resolve to something else.
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
# What MLflow writes beside the model's own folder; nothing else may stand there.
_BESIDE = frozenset(
    {
        MLMODEL,
        "conda.yaml",
        "data",
        "input_example.json",
        "python_env.yaml",
        "registered_model_meta",
        "requirements.txt",
        "serving_input_example.json",
    }
)
# Where MLflow on the platform puts copies of the files that describe a model, byte by byte, for sharing.
_METADATA = "metadata"
_COPIED = frozenset({MLMODEL, "conda.yaml", "python_env.yaml", "requirements.txt"})
_FLAVOUR_KEYS = frozenset({"code", "config", "data", "env", "loader_module", "python_version", "streamable"})
# An MLmodel file has some kilobytes.
_MAX_MLMODEL_BYTES = 1_000_000
_MAX_FILES = 50


def check_name(name: str) -> None:
    """Check that ``name`` is one of a registered model, ``<catalog>.<schema>.<model>``.

    Raises:
        OptionError: If it is a path, an address or anything else.
    """
    if not _NAME.fullmatch(name):
        raise OptionError.out_of_range("name", name, "<catalog>.<schema>.<model>, the name of a registered model")


def check_stored(uri: str, name: str) -> None:
    """Check the files at a local ``uri`` before they are copied: no links, no devices, not too many, not too large.

    Stores elsewhere hold neither links nor devices; sizes there are checked once the files are here.

    Raises:
        UntrustedModelError: Naming what is there.
    """
    folder = _local_path(uri)
    if folder is None or not folder.is_dir():
        return
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        found = path.lstat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise UntrustedModelError.odd_file(name, path.name)
        sizes[path.name] = sizes.get(path.name, 0) + (found.st_size if stat.S_ISREG(found.st_mode) else 0)
        check_listing(sizes, name)


def check_listing(sizes: Mapping[str, int], name: str) -> None:
    """Check number and sizes, in bytes, of a model's files.

    Raises:
        UntrustedModelError: If there are too many or they are too large.
    """
    if len(sizes) > _MAX_FILES or sum(sizes.values()) > MAX_FILE_BYTES:
        raise UntrustedModelError.too_large(name, len(sizes), sum(sizes.values()), MAX_FILE_BYTES)


def check_digest(files: ModelFiles, tags: Mapping[str, str], name: str) -> None:
    """Check that the files are those that were registered: changed files can be sealed again, the tag stays.

    Raises:
        UntrustedModelError: If the version's tag is missing or has another digest.
    """
    if "manifest.json" not in files:
        raise UntrustedModelError.without_manifest()
    if tags.get(DIGEST_TAG) != digest_of(files):
        raise UntrustedModelError.other_digest(name, tags.get(DIGEST_TAG), digest_of(files))


def check_flavour(folder: Path, name: str) -> tuple[Path, ModelSchema | None]:
    """Return the folder of the model's own files, and its signature, if MLflow would load it by our loader alone.

    Raises:
        UntrustedModelError: If the MLmodel file cannot be read as plain values, names another loader, code, or a
            path outside, or something stands beside it that MLflow does not write.
    """
    described = _read_mlmodel(folder, name)
    foreign = [*(path.name for path in folder.iterdir() if path.name not in {*_BESIDE, _METADATA, WHEELS})]
    foreign += [*_list_foreign_copies(folder), *list_foreign_wheels(folder)]
    flavour = _read_flavour(described, name)
    if flavour.get("loader_module") != LOADER or flavour.get("code") or (folder / "code").exists():
        raise UntrustedModelError.foreign_loader(
            name, f"{flavour.get('loader_module')!r} with code {flavour.get('code')!r}"
        )
    if foreign:
        also = {f"{_METADATA}/ with copies of theirs", f"{WHEELS}/ with one wheel of this package"}
        raise UntrustedModelError.foreign_files(sorted(foreign), {*_BESIDE, *also})
    data = (folder / str(flavour.get("data"))).resolve()
    if folder.resolve() not in data.parents:
        raise UntrustedModelError.foreign_loader(name, "files outside the model's folder")
    return data, read_schema(described.get("signature"))


def _list_foreign_copies(folder: Path) -> list[str]:
    """Return what stands in ``metadata`` and is no copy of the file of that name beside it."""
    copies = folder / _METADATA
    if not copies.is_dir() or copies.is_symlink():
        return [_METADATA] if copies.exists() or copies.is_symlink() else []
    return [f"{_METADATA}/{path.name}" for path in copies.iterdir() if not _is_copy(path, folder / path.name)]


def _is_copy(path: Path, original: Path) -> bool:
    if path.name not in _COPIED or not all(each.is_file() and not each.is_symlink() for each in (path, original)):
        return False
    return path.stat().st_size == original.stat().st_size and path.read_bytes() == original.read_bytes()


def read_schema(signature: object) -> ModelSchema | None:
    """Return the signature of an MLmodel file; None if it has none or it is not one of columns."""
    from boathouse.modelling.result import ModelSchema

    if not isinstance(signature, dict):
        return None
    try:
        inputs, outputs = (tuple(_columns(signature[side])) for side in ("inputs", "outputs"))
    except (KeyError, TypeError, ValueError):
        return None
    return ModelSchema(inputs=inputs, outputs=outputs)


def _columns(text: str) -> Iterator[tuple[str, str]]:
    for column in json.loads(text):
        yield str(column["name"]), str(column["type"])


def _read_mlmodel(folder: Path, name: str) -> dict[str, Any]:
    import yaml

    path = folder / MLMODEL
    if not path.is_file() or path.is_symlink():
        raise UntrustedModelError.foreign_loader(name, "a folder without MLmodel file")
    if path.stat().st_size > _MAX_MLMODEL_BYTES:
        raise UntrustedModelError.unreadable(MLMODEL)
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        # Tags such as !!python/object end here: the safe loader knows plain values alone.
        raise UntrustedModelError.unreadable(MLMODEL) from error
    if not isinstance(described, dict):
        raise UntrustedModelError.unreadable(MLMODEL)
    return described


def _read_flavour(described: Mapping[str, Any], name: str) -> dict[str, Any]:
    flavours = described.get("flavors", {})
    if not isinstance(flavours, dict) or set(flavours) != {"python_function"}:
        found = sorted(map(str, flavours)) if isinstance(flavours, dict) else type(flavours).__name__
        raise UntrustedModelError.foreign_loader(name, f"the flavours {found}")
    flavour = flavours["python_function"]
    if not isinstance(flavour, dict):
        raise UntrustedModelError.unreadable(MLMODEL)
    foreign = sorted(set(map(str, flavour)) - _FLAVOUR_KEYS)
    if foreign or flavour.get("config"):
        raise UntrustedModelError.foreign_loader(name, f"a flavour with {', '.join(foreign) or 'config'}")
    return flavour


def _local_path(uri: str) -> Path | None:
    """Return the folder of a ``file:`` address or a plain path; None for another store."""
    parsed = urlparse(uri)
    if parsed.scheme not in {"", "file"}:
        return None
    return Path(url2pathname(parsed.path)) if parsed.scheme else Path(uri)
