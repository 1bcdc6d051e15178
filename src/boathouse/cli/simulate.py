"""``boathouse simulate``: a synthetic book of any size, drawn from the real one."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.errors import SimulationError
from boathouse.simulation.stitching import FORMATS, SimulationOptions
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.simulation.extract_folder import ExtractFolder
    from boathouse.simulation.stitching import Simulated, Simulator


def _rename_option(name: str) -> str:
    """Return today's name of the option that was the plural of the entity before; that works for one release."""
    return "entities" if name == USE_CASE.entity.plural else name


@click.command(epilog="Example: boathouse simulate --entities 10000 --months 12 --to dist/big",
               context_settings={"token_normalize_func": _rename_option})  # fmt: skip
@click.option("--entities", required=True, type=int, help=f"Synthetic {USE_CASE.entity.plural}.")
@click.option("--months", required=True, type=int, help="Months of each, up to the last month.")
@click.option("--seed", default=0, show_default=True, type=int, help="The same seed gives the same bytes.")
@click.option("--daily", is_flag=True, help="Make daily card transactions too.")
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="Data folder; gets 01_raw.")
@click.option("--book", type=click.Path(path_type=Path), default=Path("data/01_raw"), show_default=True,
              help="Folder of the real extracts.")  # fmt: skip
@click.option("--last-month", default=None, help="Newest month, YYYY-MM. Default: that of the book.")
@click.option("--drift-months", default=1, show_default=True, type=int,
              help="Newest months of the book that occur at the end alone.")  # fmt: skip
@click.option("--first-id", default=10_000_001, show_default=True, type=int, help="Above every real id.")
@click.option("--format", "file_format", default="csv", show_default=True, type=click.Choice(FORMATS),
              help="csv is what kedro run reads; parquet is smaller and typed.")  # fmt: skip
@click.option("--chunk-size", default=20_000, show_default=True, type=click.IntRange(1, 1_000_000),
              help="Entities in memory at once; changes no result.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an earlier simulation.")
def simulate(target: Path, book: Path, chunk_size: int, overwrite: bool, **asked: Any) -> None:  # noqa: ANN401, FBT001
    """Simulate extracts of any size.

    A synthetic book of ENTITIES by MONTHS, drawn from the real one with its drift.

    Then: BOATHOUSE_DATA=FOLDER kedro run
    """
    from boathouse.simulation.extract_folder import MANIFEST, ExtractFolder, check_free, is_finished

    options = SimulationOptions(**asked)
    folder = target / "01_raw"
    if folder.resolve() == book.resolve():
        raise SimulationError(
            f"{folder.as_posix()} holds the book that is drawn from; it is never written. Choose another folder."
        )
    simulator = _open_simulator()
    simulation = _prepare(simulator, book, options)
    asked_for = _describe(simulator, book, options)
    if is_finished(folder, asked_for):
        click.echo(f"{folder} holds this simulation already; nothing was done.")
        return
    names = [f"{name}.{ending}" for name in simulator.writes for ending in FORMATS]
    check_free(folder, (MANIFEST, *names), overwrite=overwrite)
    with ExtractFolder(folder, options.file_format) as extracts:
        _write_chunks(simulation, extracts, options.entities, chunk_size)
        rows = extracts.finish(asked_for)
    shown = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    click.echo(f"{folder}: {shown}. Synthetic, drawn from {book} with seed {options.seed}.")


def _open_simulator() -> Simulator:
    """Return what makes synthetic extracts of this use case.

    Raises:
        SimulationError: If it declares nothing of the kind.
    """
    if USE_CASE.simulation is None:
        raise SimulationError(
            f"This use case declares no simulation of {USE_CASE.entity.plural}: there is nothing to make synthetic "
            "extracts with. Declare 'simulation' in USE_CASE, or put real extracts into data/01_raw."
        )
    return USE_CASE.simulation()


def _prepare(simulator: Simulator, book: Path, options: SimulationOptions) -> Simulated:
    from boathouse.simulation.extract_folder import read_extract

    tables = {name: read_extract(book / f"{name}.csv", types) for name, types in simulator.reads.items()}
    return simulator.prepare(tables, options)


def _describe(simulator: Simulator, book: Path, options: SimulationOptions) -> dict[str, Any]:
    """Return what decides every byte: options, generator and the book's files."""
    digest = hashlib.sha256()
    for name in simulator.reads:
        digest.update((book / f"{name}.csv").read_bytes())
    head = {"note": simulator.note, "generator": simulator.version, "book": digest.hexdigest()}
    return {**head, **asdict(options)}


def _write_chunks(simulation: Simulated, extracts: ExtractFolder, entities: int, size: int) -> None:
    starts = range(0, entities, size)
    with click.progressbar(
        starts, label=f"chunks of {USE_CASE.entity.plural}", file=sys.stderr, hidden=len(starts) < 3
    ) as progress:
        for first in progress:
            for name, table in simulation.make_chunk(first, min(first + size, entities)).items():
                extracts.write(name, table)
