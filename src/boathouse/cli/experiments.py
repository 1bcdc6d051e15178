"""``boathouse experiments``: how many units an A/B test needs, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.endpoints.experiments.planning import ExperimentOptions
from boathouse.endpoints.states import EndpointStates
from boathouse.errors import RolloutError

if TYPE_CHECKING:
    from boathouse.endpoints.experiments.report import ExperimentReport, MetricResult
    from boathouse.environment import Environment


@click.group()
def experiments() -> None:
    """Plan A/B tests and report on them.

    docs/experiments.md walks through the six steps.
    """


@experiments.command(epilog="Example: boathouse experiments plan --baseline 0.2 --effect 0.02")
@click.option("--baseline", type=float, default=None, help="Rate of the control, 0 to 1: plan for a rate.")
@click.option("--deviation", type=float, default=None, help="Standard deviation over units: plan for a mean.")
@click.option("--effect", type=float, required=True, help="Smallest change worth seeing, absolute.")
@click.option("--share", type=float, default=50.0, show_default=True, help="Percentage of units that get the variant.")
@click.option("--per-day", type=float, default=None, help="New units a day; gives the days it takes.")
@ENVIRONMENT
def plan(environment: Environment, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Compute how many units show an effect."""
    from boathouse.endpoints.experiments.planning import plan_means, plan_rates

    options = _read_options(environment)
    if not 0 < given["share"] < 100:
        message = f"--share is {given['share']:g}; expected a percentage above 0 and below 100."
        raise click.UsageError(message)
    sure = {"confidence": options.confidence, "power": options.power, "share": given["share"] / 100}
    baseline, deviation, effect = given["baseline"], given["deviation"], given["effect"]
    if (baseline is None) == (deviation is None):
        raise click.UsageError("Give --baseline for a rate, or --deviation for a mean.")
    found = plan_means(deviation, effect, **sure) if baseline is None else plan_rates(baseline, effect, **sure)
    per_day = given["per_day"]
    days = None if per_day is None else found.days(per_day)
    click.echo(f"{found.control:,} units for the control, {found.treatment:,} for the variant")
    click.echo(f"  see a change of {effect:g} with power {options.power:g} at confidence {options.confidence:g}")
    if days is not None:
        click.echo(f"  {days} days at {per_day:g} new units a day, in whole weeks")


@experiments.command(epilog="Example: boathouse experiments report NAME --outcomes outcomes.csv")
@click.argument("name")
@click.option("--outcomes", type=click.Path(exists=True, path_type=Path), required=True, help="CSV or Parquet.")
@click.option("--unit", default=None, help="Column of the unit in the outcomes; default: the experiment's.")
@click.option("--label", default=None, help="Column with the true label, 0 or 1: gives the model's Brier score.")
@click.option("--metric", "columns", multiple=True, help="Business metric: a column of 0 and 1, or of values; repeat.")
@click.option(
    "--expected",
    "effects",
    multiple=True,
    metavar="METRIC=EFFECT",
    help="Effect of a metric that was planned for, absolute: adds what holds at any look; repeat.",
)
@click.option("--since", type=click.DateTime(), default=None, help="UTC; default: when the experiment began.")
@click.option("--until", type=click.DateTime(), default=None, help="UTC, exclusive; default: when it ended, or now.")
@ENVIRONMENT
def report(name: str, environment: Environment, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Compare the variants of an A/B test.

    By metrics of the model and of the business, with intervals. Exposures are read from the inference log.
    Exit code 1 if units were not divided as planned.
    """
    from boathouse.cli.experiment_outcomes import Wanted, choose_naming, read_exposures, read_metrics
    from boathouse.endpoints.experiments.report import report_experiment

    options = _read_options(environment)
    state, ended = EndpointStates.of(environment).find_experiment(name)
    exposures = read_exposures(environment, state, given["since"], given["until"] or ended)
    wanted = Wanted(
        path=given["outcomes"],
        unit=given["unit"] or str(state.config.split.unit),
        label=given["label"],
        columns=given["columns"],
        effects=dict(_parse_effect(text) for text in given["effects"]),
    )
    metrics = read_metrics(wanted, exposures, choose_naming(environment, state))
    shares = {each.served_entity_name: each.traffic_percentage for each in state.config.routes}
    found = report_experiment(exposures, metrics, {key: each for key, each in shares.items() if each}, options)
    for line in describe_report(found, options.confidence):
        click.echo(line)
    if not found.ratio.holds:
        raise click.exceptions.Exit(1)


def _parse_effect(text: str) -> tuple[str, float]:
    metric, _, effect = text.rpartition("=")
    try:
        return metric, abs(float(effect))
    except ValueError:
        message = f"'{text}' is no effect. Write the metric and the effect: recovered=0.02."
        raise click.UsageError(message) from None


def _read_options(environment: Environment) -> ExperimentOptions:
    """Return how sure experiments have to be.

    Raises:
        RolloutError: If the environment runs none.
    """
    options = environment.options(ExperimentOptions, "rollouts", "experiments")
    if not options.enabled:
        raise RolloutError.switched_off()
    return options


def describe_report(report: ExperimentReport, confidence: float) -> Iterator[str]:
    """Give the lines of a report."""
    ratio, exposures = report.ratio, report.exposures
    for name, count in ratio.found.items():
        control = " (control)" if name == report.control else ""
        yield f"{name:<14} {count:>9,} units, planned {ratio.expected[name]:,.0f}{control}"
    verdict = "as planned" if ratio.holds else "NOT AS PLANNED: find out why before reading on"
    yield f"division: {verdict} (chi-squared {ratio.statistic:.2f}, p {ratio.p_value:.4f})"
    if exposures.crossed or exposures.without_unit or exposures.unassigned:
        yield (
            f"left out: {exposures.crossed} units seen by more than one variant; rows without a unit "
            f"{exposures.without_unit}, without a known variant {exposures.unassigned}"
        )
    for result in report.results:
        yield from _describe_result(result, confidence)


def _describe_result(result: MetricResult, confidence: float) -> Iterator[str]:
    found = result.difference
    what = "rate" if result.kind == "rate" else "mean"
    yield f"{result.metric} ({result.role} metric, {what}), {result.variant} against the control"
    units = " and ".join(f"{count:,}" for count in result.units)
    yield f"  control {found.first:.5g}, {result.variant} {found.second:.5g}, of {units} units"
    yield (
        f"  difference {found.estimate:+.5g}, {confidence:.0%} interval {found.low:+.5g} to {found.high:+.5g}, "
        f"p {result.p_adjusted:.4f}; for one look, at the planned end"
    )
    if result.sequential is not None:
        always = result.sequential
        yield f"  at any look: interval {always.low:+.5g} to {always.high:+.5g}, p {always.p_value:.4f}"
