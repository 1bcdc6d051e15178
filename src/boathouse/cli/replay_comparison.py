"""``boathouse replay --compare``: every policy of retraining on one matrix, as a table, a plot and in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.replay_folder import name_terms, open_player, read_book
from boathouse.cli.replay_matrix import MatrixBuilder
from boathouse.cli.replay_months import MonthPlayer, merge
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.monitoring.alert_rules import AlertOptions, AlertRule
from boathouse.replay.comparison import JUDGED, POLICIES, compare_policies, plot_policies, policy_rows
from boathouse.replay.matrix import Cell, Matrix, PolicyResult
from boathouse.replay.policies import RETRAIN
from boathouse.replay.records import Asked, claim_folder
from boathouse.replay.words import describe_matrix, summarise_policies

if TYPE_CHECKING:
    from datetime import date

    from boathouse.cli.replay_folder import Request

PLOT, PAGE = "replay_policies.png", "replay_policies.txt"


def compare_in(folder: Path, asked: Request, book_folder: Path, params: Mapping[str, Any]) -> None:
    """Deliver everything to ``folder``, fill the matrix, and say what each policy would have cost."""
    book = read_book(book_folder)
    months = asked.list_months(book)
    wanted = Asked(
        kind="policies",
        policy="all",
        first=f"{months[0]:%Y-%m}",
        last=f"{months[-1]:%Y-%m}",
        environment=asked.environment,
        book=book.digest,
        params=json.dumps(params, sort_keys=True, default=str),
    )
    click.echo(f"Policies from {wanted.first} to {wanted.last} · env {asked.environment} · {folder}")
    with claim_folder(folder, wanted), open_player(folder, asked, book, params) as player:
        book.deliver(months[-1], folder)
        player.run(["data_prep", "feature_engineering"], months[-1])
        builder = MatrixBuilder(player, months)
        matrix, results = compare(player, builder)
        publish(player, builder, matrix, results)


def compare(player: MonthPlayer, builder: MatrixBuilder) -> tuple[Matrix, list[PolicyResult]]:
    """Return the matrix and what each policy would have cost, saying which model is trained."""
    conf = merge(player.environment.section("parameters"), player.params)
    for cutoff, filled in builder.build():
        click.echo(f"{cutoff:%Y-%m}  trained with what was known then")
        if filled is not None:
            matrix = filled
    rules = [rule for rule in AlertOptions(**conf["monitoring"]["alerts"]).built_rules if rule.action == RETRAIN]
    results = compare_policies(
        matrix,
        BootstrapOptions(**conf["evaluation"]["bootstrap"]),
        is_alarming=lambda cell: is_alarming(cell, rules),
        newest_known=builder.newest_known,
    )
    return matrix, results


def is_alarming(cell: Cell, rules: Sequence[AlertRule]) -> bool:
    """Return whether a measured cohort crosses a rule of performance that retraining answers."""
    from boathouse.modelling.metrics import roc_auc

    figures = {"roc_auc": roc_auc(cell.rows.label, cell.rows.probability)}
    return any(
        rule.is_crossed(value)
        for rule in rules
        if rule.kind == "performance"
        for name, value in figures.items()
        if fnmatchcase(name, rule.metric)
    )


def publish(player: MonthPlayer, builder: MatrixBuilder, matrix: Matrix, results: Sequence[PolicyResult]) -> None:
    """Write table, plot and page, and print the page."""
    conf, terms = merge(player.environment.section("parameters"), player.params), name_terms()
    reports = Path(player.environment.section("globals")["reports_folder"])
    reports.mkdir(parents=True, exist_ok=True)
    confidence = BootstrapOptions(**conf["evaluation"]["bootstrap"]).confidence
    lines = [
        *describe_matrix(matrix, terms),
        "",
        *summarise_policies(results, terms, confidence=confidence, judged=JUDGED),
    ]
    (reports / PAGE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot_policies(matrix, results, currency=terms.currency).savefig(reports / PLOT, dpi=120)
    save_table(player, results, builder.months[-1])
    click.echo("\n" + "\n".join(lines))
    click.echo(f"\nTable monitoring.policies; plot {reports / PLOT}; page {reports / PAGE}")


def save_table(player: MonthPlayer, results: Sequence[PolicyResult], as_of: date) -> None:
    """Write the rows of ``monitoring.policies``; those of the same date are replaced."""
    from kedro.io import DataCatalog

    from boathouse.environment import open_conf
    from boathouse.inference.batch import hold_rows
    from boathouse.tables.engines import get_engine

    environment = player.environment
    session = get_engine(environment.engine).session()
    frame = session.createDataFrame(policy_rows(results, as_of=as_of), POLICIES.ddl)
    catalog = DataCatalog.from_config(dict(open_conf(environment.name, environment.conf_source)["catalog"]))
    catalog[POLICIES.name].save(hold_rows(frame))
