"""``boathouse endpoints size|load-test|advise|compact-log``: how large, how quick, which way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ENVIRONMENT, WRITES, engines
from boathouse.errors import ConfigError, RolloutError

if TYPE_CHECKING:
    from boathouse.endpoints.sizing import Measurement, ServiceLevels
    from boathouse.environment import Environment


@click.command(epilog="Example: boathouse endpoints size --qps 200 --ms 12")
@click.option("--qps", type=float, required=True, help="Requests per second at the busiest ordinary time.")
@click.option("--ms", type=float, required=True, help="Milliseconds that one request takes; load-test measures it.")
@click.option("--always-on", is_flag=True, help="No scale to zero: the first request after a pause does not wait.")
@ENVIRONMENT
def size(qps: float, ms: float, environment: Environment, *, always_on: bool) -> None:
    """Compute how large an endpoint has to be.

    Units = requests per second x seconds per request.
    """
    from boathouse.endpoints.sizing import SizingOptions, size_endpoint

    options = environment.options(SizingOptions, "rollouts", "sizing")
    found = size_endpoint(qps, ms, options, scale_to_zero=not always_on)
    click.echo(f"{qps:g} requests per second x {ms / 1000:g} s = {found.units:.2f} units; for peaks {found.needed:.2f}")
    several = f"{found.endpoints} endpoints of size" if found.endpoints > 1 else "workload size"
    click.echo(f"{several} {found.size}: {found.lower} to {found.upper} units{' (scale to zero)' * (not always_on)}")
    click.echo(f"here: boathouse serve --workers {found.processes}")


@click.command(name="load-test", epilog="Example: boathouse endpoints load-test --start --request bodies.jsonl")
@click.argument("url", required=False)
@click.option("--name", default=None, help="Endpoint whose service levels count, and that --start serves.")
@click.option(
    "--request", "path", type=click.Path(exists=True, path_type=Path), required=True, help="Bodies, one a line."
)
@click.option(
    "--rate", "rates", type=float, multiple=True, help="Requests per second; repeat. Default: the promised rate."
)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Of each rate.")
@click.option("--warm-up", type=float, default=2.0, show_default=True, help="Seconds before, not counted.")
@click.option("--timeout", type=float, default=10.0, show_default=True, help="Seconds after which a request failed.")
@click.option("--token-variable", default=None, help="Environment variable that holds the bearer token.")
@click.option("--start", is_flag=True, help="Start an endpoint for the test and remove it afterwards; without URL.")
@ENVIRONMENT
def load_test(url: str | None, environment: Environment, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Measure an endpoint under load.

    The load does not wait for answers. URL is that of the invocations. Times count from when a request was due. With
    --name the endpoint's service levels are checked: exit code 1 if one is not kept.
    """
    from boathouse.endpoints.sizing import find_breaches

    if (url is None) is not given["start"]:
        raise click.UsageError("Give a URL, or --start.")
    levels = _read_service_levels(environment, given["name"]) if given["name"] else None
    rates = given["rates"] or ((levels.requests_per_second,) if levels else (10.0,))
    breaches = []
    with _address(url, environment, given["name"]) as address:
        click.echo("  due/s  done/s    sent  failed   p50 ms   p90 ms   p99 ms   max ms")
        for measured in _measure(address, rates, given):
            click.echo(_describe(measured))
            if levels is not None:
                breaches += [f"at {measured.rate:g}/s: {each}" for each in find_breaches(measured, levels)]
    for breach in breaches:
        click.echo(f"not kept {breach}", err=True)
    if breaches:
        raise click.exceptions.Exit(1)
    if levels is not None and min(rates) > levels.requests_per_second:
        # Nothing was judged, which is not the same as kept.
        click.echo(f"not judged: levels are promised up to {levels.requests_per_second:g}/s; add --rate", err=True)
        raise click.exceptions.Exit(1)
    if levels is not None:
        click.echo("service levels kept")


def _read_service_levels(environment: Environment, name: str) -> ServiceLevels:
    """Return what the endpoint ``name`` promises.

    Raises:
        ConfigError: If conf states nothing of it.
    """
    from boathouse.endpoints.sizing import ServiceLevels

    if name not in (environment.section("rollouts").get("service_levels") or {}):
        message = f"conf/base/serving/rollouts.yml states no service levels of endpoint '{name}'. Add an entry."
        raise ConfigError(message)
    return environment.options(ServiceLevels, "rollouts", "service_levels", name)


@contextmanager
def _address(url: str | None, environment: Environment, name: str | None) -> Iterator[str]:
    from boathouse.endpoints.temporary import temporary_endpoint

    if url is not None:
        yield url
        return
    with temporary_endpoint(["--env", environment.name, "--conf-source", str(environment.conf_source)]) as address:
        yield f"{address}/serving-endpoints/{name}/invocations" if name else f"{address}/invocations"


def _measure(url: str, rates: Sequence[float], given: dict[str, Any]) -> Iterator[Measurement]:
    import os

    from boathouse.endpoints.load_test import LoadOptions, measure_load

    bodies = [line for line in given["path"].read_bytes().splitlines() if line.strip()]
    variable = given["token_variable"]
    if variable and variable not in os.environ:
        raise click.UsageError(f"The variable {variable} of --token-variable is not set.")
    for rate in rates:
        options = LoadOptions(
            rate=rate,
            seconds=given["seconds"],
            warm_up_seconds=given["warm_up"],
            timeout_seconds=given["timeout"],
            token=os.environ[variable] if variable else None,
        )
        yield measure_load(url, bodies, options)


def _describe(measured: Measurement) -> str:
    numbers = (measured.p50_ms, measured.p90_ms, measured.p99_ms, measured.longest_ms)
    times = " ".join(f"{number:8.1f}" for number in numbers)
    errors = ", ".join(f"{kind}: {count}" for kind, count in measured.errors)
    return (
        f"{measured.rate:7.1f} {measured.achieved:7.1f} {measured.sent:7d} {measured.failed:7d} {times}"
        + f"  {errors}" * bool(errors)
    )


@click.command(epilog="Example: boathouse endpoints advise --latency-ms 50 --per-second 5 --rows 99")
@click.option("--latency-ms", type=float, required=True, help="Longest wait of a caller; a day is 86400000.")
@click.option("--per-second", type=float, required=True, help="Predictions per second at the busiest ordinary time.")
@click.option("--rows", type=int, required=True, help="Keys that can be asked for.")
@click.option("--model-ms", type=float, default=10.0, show_default=True, help="Time of one prediction.")
@click.option("--freshness-s", type=float, default=86_400.0, show_default=True, help="Oldest useful features, seconds.")
@click.option("--request-values", is_flag=True, help="Some inputs are known only at the request.")
@click.option("--offline", is_flag=True, help="There is no network where the answer is needed.")
@click.option("--complexity", default="", help="Of the model, as text; recorded.")
@click.option("--model-mb", type=float, default=None, help="Size of the model in MB; recorded.")
@click.option("--importance", default="", help="Cost of a wrong or missing answer, as text; recorded.")
@click.option(
    "--record", "name", default=None, metavar="ENDPOINT", help="Record needs and advice in audit.deployments."
)
@ENVIRONMENT
def advise(name: str | None, environment: Environment, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Advise which way of serving fits.

    Batch, stream, precomputed, online or on the device.
    """
    from boathouse.endpoints.advice import Needs, advise_way

    needs = Needs(
        latency_ms=given["latency_ms"],
        per_second=given["per_second"],
        rows=given["rows"],
        model_ms=given["model_ms"],
        freshness_seconds=given["freshness_s"],
        request_values=given["request_values"],
        offline=given["offline"],
    )
    advice = advise_way(needs)
    click.echo(f"{advice.way}: {advice.command}")
    for reason in advice.reasons:
        click.echo(f"  {reason}")
    if name is not None:
        about = {key: given[key] for key in ("complexity", "model_mb", "importance")}
        _record_advice(name, {**advice.to_evidence(needs), "model": about}, environment)
        click.echo(f"recorded for {name}")


def _record_advice(name: str, evidence: dict[str, Any], environment: Environment) -> None:
    from boathouse.endpoints.states import ADVISED
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.identity import identify
    from boathouse.lifecycle.ledger import DEPLOYMENTS, open_ledger

    who = identify(environment)
    event = AuditEvent(
        event_id=uuid.uuid4().hex,
        kind=ADVISED,
        subject=name,
        actor=who.name,
        assurance=who.assurance,
        occurred_at=datetime.now(UTC),
        comment=str(evidence["way"]),
        evidence={**evidence, **who.to_evidence()},
    )
    open_ledger(environment.table(DEPLOYMENTS)).append([event])


@click.command(name="compact-log", epilog="Example: boathouse endpoints compact-log --env prod")
@ENVIRONMENT
@WRITES
def compact_log(environment: Environment) -> None:
    """Compact the inference log into few files.

    Endpoints may go on writing.
    """
    from boathouse.serving.log_table import LogTable, compact_by_name
    from boathouse.tables.delta_log import open_log

    location = environment.endpoint_log
    with engines():
        if not open_log(location).exists():
            raise RolloutError(f"There is no table {location.table}: no endpoint has logged yet.")
        found = compact_by_name(location) if location.path is None else LogTable(location.path).compact()
    click.echo(f"{location.table}: {found['numFilesRemoved']} files became {found['numFilesAdded']}")
