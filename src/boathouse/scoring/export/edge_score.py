"""Score rows of features with onnxruntime and numpy alone: python score.py example.json (a list of objects)."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def load(folder: Path) -> tuple[dict[str, Any], onnxruntime.InferenceSession]:
    """Return spec and graph, once every file is what was exported."""
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            sys.exit(f"{name} is not the file that was exported; export the model again.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # leaves are added in the order in which training added them
    return json.loads((folder / "spec.json").read_text()), onnxruntime.InferenceSession(folder / "model.onnx", options)


def score(rows: list[dict[str, Any]], spec: dict[str, Any], session: onnxruntime.InferenceSession) -> list[Any]:
    """Return one answer a row; a feature may be null, but has to be there."""
    for number, row in enumerate(rows):
        missing = sorted(set(spec["features"]) - set(row))
        if missing:
            sys.exit(f"Row {number} lacks {', '.join(missing)}; give null where a value is unknown.")
    values = [[row[name] for name in spec["features"]] for row in rows]
    matrix = np.array(values, dtype=np.float64).reshape(len(rows), len(spec["features"]))
    # The first output is the number before calibration; the others are the answer.
    names = [output.name for output in session.get_outputs()][1:]
    answer = [column.tolist() for column in session.run(names, {"features": matrix})]
    return [{**dict(zip(names, values)), "model_version": spec["version"]} for values in zip(*answer)]


if __name__ == "__main__":
    print(json.dumps(score(json.loads(Path(sys.argv[1]).read_text()), *load(Path(__file__).resolve().parent))))
