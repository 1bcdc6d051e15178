"""A process that logs requests and prints the ids of those that are on disk, until it is done or killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from boathouse.endpoints.options import LogOptions
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures.log_entries import entry


def main(folder: Path, first: int, count: int) -> None:
    """Log ``count`` entries, about two thousand a second."""

    def acknowledge(ids: object) -> None:
        print(*ids, flush=True)  # type: ignore[misc]  # noqa: T201

    log = InferenceLog(
        folder / "table",
        folder / "journal",
        LogOptions(flush_seconds=0.02),
        commit_seconds=0.1,
        on_disk=acknowledge,
    )
    log.start()
    for number in range(first, first + count):
        log.record(entry(number))
        time.sleep(0.0005)
    if not log.close():
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
