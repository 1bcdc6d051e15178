"""The folder of an exported model: graph, spec, check sums, and a scorer that needs nothing of this package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from boathouse.atomic_files import new_folder
from boathouse.errors import ModelError
from boathouse.reports.rendering import render_markdown
from boathouse.scoring.export.graph import build_graph
from boathouse.scoring.feature_spec import FEATURE_SPEC
from boathouse.scoring.files import SPEC, ModelFiles, digest_of
from boathouse.scoring.scorer import load_scorer
from boathouse.scoring.spec import ScorerSpec


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        folder: Where.
        sizes: Bytes of each file.
    """

    folder: Path
    sizes: dict[str, int]


def export_model(
    files: ModelFiles,
    folder: Path,
    *,
    name: str,
    version: str,
    decision: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write the model into ``folder``, which is there afterwards as a whole or as before.

    Args:
        files: The sealed model; checked first.
        folder: Where to; must not be there, unless ``overwrite`` and it holds an export.
        name: Registered name.
        version: Version, which each answer names.
        decision: What the ledger decided on the version, in plain values; None where no ledger was asked.
        overwrite: Whether an earlier export may be replaced.

    Raises:
        ModelError: If the folder is there, or the model has no form in ONNX.
        UntrustedModelError: If the files are not a model that may be loaded.
    """
    load_scorer(files)
    is_export = (folder / "SHA256SUMS").is_file()
    if folder.exists() and not (overwrite and is_export):
        hint = "give --overwrite to replace it" if is_export else "it holds no export: give another folder"
        raise ModelError(f"The folder {folder.as_posix()} is there already; {hint}. Nothing was written.")
    contents = _contents(files, name, version, decision)
    with new_folder(folder, replace=overwrite) as unfinished:
        for name_of_file, content in contents.items():
            (unfinished / name_of_file).write_bytes(content)
    return Exported(folder=folder, sizes={each: len(content) for each, content in contents.items()})


def _contents(files: ModelFiles, name: str, version: str, decision: Mapping[str, Any] | None) -> dict[str, bytes]:
    spec = ScorerSpec.from_json(files[SPEC])
    described = {
        "name": name,
        "version": version,
        "digest": digest_of(files),
        "features": spec.features,
        "label": spec.label,
        "threshold": spec.threshold,
        "calibration": asdict(spec.calibration),
        "decision": None if decision is None else dict(decision),
    }
    readme = render_markdown(
        "edge_readme.md.j2",
        name=name,
        version=version,
        features=spec.features,
        label=spec.label,
        threshold=f"{spec.threshold:g}",
    )
    contents = {
        "model.onnx": build_graph(files),
        "spec.json": json.dumps(described, indent=2).encode(),
        "score.py": package_files("boathouse.scoring.export").joinpath("edge_score.py").read_bytes(),
        "README.md": readme.encode(),
    }
    if FEATURE_SPEC in files:
        contents[FEATURE_SPEC] = files[FEATURE_SPEC]
    sums = [f"{hashlib.sha256(content).hexdigest()}  {each}" for each, content in sorted(contents.items())]
    # A row of which nothing is known, to be filled in: it is the user's, so that it has no check sum.
    example = json.dumps([dict.fromkeys(spec.features)], indent=2).encode()
    return {**contents, "SHA256SUMS": ("\n".join(sums) + "\n").encode(), "example.json": example}
