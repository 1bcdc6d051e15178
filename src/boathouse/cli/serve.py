"""``boathouse serve``: the endpoints of an environment over HTTP."""

from __future__ import annotations

import ipaddress
import socket
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ENVIRONMENT, WRITES
from boathouse.cli.feature_arguments import STORE
from boathouse.cli.model_arguments import send_messages
from boathouse.errors import ConfigError, EndpointError, TokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.endpoints.config import EndpointConfig
    from boathouse.environment import Environment
    from boathouse.lifecycle.resolution import DecidedVersion

WORKER = "boathouse.cli.serve_worker"


@click.command(epilog="Example: boathouse serve --endpoint NAME --port 8080 --env prod")
@ENVIRONMENT
@click.option("--endpoint", "names", multiple=True, help="An endpoint of conf; may be repeated. Default: all.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.option("--ssl-certfile", type=click.Path(exists=True, dir_okay=False), default=None, help="Certificate (PEM).")
@click.option("--ssl-keyfile", type=click.Path(exists=True, dir_okay=False), default=None, help="Its key (PEM).")
@click.option("--require-token", is_flag=True, help="Ask for a token also where only this machine can connect.")
@click.option("--access-log/--no-access-log", default=True, help="Whether each answered request is a line of the log.")
@STORE
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder of models, as in an image; default: the registry.",
)
@WRITES
def serve(  # noqa: PLR0913, PLR0917 - options
    environment: Environment,
    names: tuple[str, ...],
    host: str,
    port: int,
    workers: int,
    ssl_certfile: str | None,
    ssl_keyfile: str | None,
    require_token: bool,  # noqa: FBT001
    access_log: bool,  # noqa: FBT001
    url: str | None,
    models: Path | None,
) -> None:
    """Serve endpoints over HTTP.

    They answer with scores, features and published predictions. Requests and answers are those of MLflow's and
    Databricks' servers. A new champion or challenger is served within seconds, and no request is lost. On an address
    that other machines can reach every request needs a token (boathouse tokens create). docs/serving.md has examples
    with curl.
    """
    from boathouse.serving.run_folder import open_run_folder
    from boathouse.serving.supervisor import serve as run
    from boathouse.serving.tokens import TokenFile

    if (ssl_certfile is None) != (ssl_keyfile is None):
        message = "TLS needs both --ssl-certfile and --ssl-keyfile."
        raise ConfigError(message)
    tokens, env = environment.tokens_file, environment.name
    public = not is_loopback(host)
    if public and not TokenFile(tokens).read():
        raise TokenError(
            f"{host} can be reached from other machines, so each request needs a token, and there is none. Create one: "
            f"boathouse tokens create NAME --scope query --env {env}"
        )
    source, configs = _open_source(environment, names, models=models)
    environment.provide_log_salt()
    listener = open_listener(host, port)
    with listener, open_run_folder() as run_folder:
        scheme, bound = "https" if ssl_certfile else "http", listener.getsockname()
        click.echo(f"Serving {', '.join(configs)} of {env} on {scheme}://{_show_host(bound[0])}:{bound[1]}")
        if models is not None:
            click.echo(f"Versions are those of {models}, by the decisions that went along: no ledger is asked.")
        if public and not ssl_certfile:
            click.echo("Tokens travel unencrypted: use --ssl-certfile and --ssl-keyfile, or a proxy that has them.")
        setup = make_setup(
            configs,
            tokens=tokens.as_posix(),
            token_required=public or require_token,
            environment=env,
            owner=environment.namespace.owner,
            store=environment.online_store_url(url),
            run_folder=run_folder.as_posix(),
            log_requests=access_log,
            log_table=environment.endpoint_log.path or "",
            log_journal=environment.endpoint_log_folder.as_posix(),
            ssl_certfile=ssl_certfile,
            ssl_keyfile=ssl_keyfile,
        )
        run(source, setup, listener, workers, module=WORKER)


def make_setup(configs: dict[str, EndpointConfig], **options: Any) -> Any:  # noqa: ANN401 - options of Setup
    """Return the first message to each worker."""
    from boathouse.serving.protocol import Setup

    return Setup(
        slot=0,
        endpoints={name: config.to_document() for name, config in configs.items()},
        mlflow_version=version("mlflow"),
        drain_seconds=max(config.limits.drain_seconds for config in configs.values()),
        notice_seconds=max(config.limits.notice_seconds for config in configs.values()),
        **options,
    )


def _open_source(
    environment: Environment, names: tuple[str, ...], *, models: Path | None
) -> tuple[Any, dict[str, EndpointConfig]]:
    """Return what is to be served now, and a source that follows the registry, or a folder, and recorded changes."""
    from boathouse.endpoints.experiments.planning import ExperimentOptions
    from boathouse.endpoints.states import EndpointStates
    from boathouse.lifecycle.decided_versions import LedgerVersions, SealedVersions
    from boathouse.registry.versions import FolderVersions
    from boathouse.serving.source import Source

    environment.use_mlflow()
    chosen, states = choose_endpoints(environment, names), EndpointStates.of(environment)
    experiments = environment.options(ExperimentOptions, "rollouts", "experiments").enabled

    def read() -> dict[str, EndpointConfig]:
        return states.configurations(chosen, experiments=experiments)

    record = partial(record_served, environment)
    if models is not None:
        return Source(read, SealedVersions(FolderVersions(models)), record=record), read()
    alarm = partial(_tell_alarm, environment)
    return Source(read, LedgerVersions(environment.lakehouse), on_alarm=alarm, record=record), read()


def _tell_alarm(environment: Environment, name: str, problem: str) -> None:
    """Log what was changed past the ledger, record it, and have it sent to the webhooks."""
    from boathouse.lifecycle.decided_versions import note_what_differs
    from boathouse.serving.access import AccessLog

    AccessLog().event("error", "registry_differs", model=name, problem=problem)
    if environment.namespace.holds(name):
        note_what_differs(name, environment.lakehouse)
        send_messages(environment)


def record_served(environment: Environment, endpoint: str, ref: DecidedVersion) -> None:
    """Record in which runtime environment an endpoint serves a version; once for each, however often it starts.

    Workers are processes of this interpreter with its libraries. A table that cannot be written, as in an image without
    a lakehouse, is a line of the log: serving goes on.
    """
    import hashlib
    from datetime import UTC, datetime

    from boathouse.endpoints.states import SERVED
    from boathouse.hooks.provenance import read_runtime_environment
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.identity import read_identity
    from boathouse.lifecycle.ledger import DEPLOYMENTS, open_ledger
    from boathouse.serving.access import AccessLog

    runtime, identity = read_runtime_environment(), read_identity()
    found = {**runtime.to_dict(), "libraries_digest": runtime.libraries_digest}
    place = repr([endpoint, ref.name, ref.version, ref.digest, sorted(found.items(), key=lambda item: item[0])])
    event = AuditEvent(
        event_id=f"{SERVED}/{hashlib.sha256(place.encode()).hexdigest()}",
        kind=SERVED,
        subject=endpoint,
        version=ref.version,
        digest=ref.digest,
        actor=identity.name,
        occurred_at=datetime.now(UTC),
        evidence={"model": ref.name, "runtime_environment": found, **identity.to_evidence()},
        assurance=identity.assurance,
    )
    try:
        open_ledger(environment.table(DEPLOYMENTS)).append([event])
    except Exception as error:  # noqa: BLE001 - whatever the lakehouse has, requests are answered
        problem = f"{type(error).__name__}: the table {DEPLOYMENTS} cannot be written"
        AccessLog().event("warning", "serving_environment_not_recorded", endpoint=endpoint, problem=problem)


def choose_endpoints(environment: Environment, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the endpoints of conf called ``names``, all of them without any, their documents checked.

    Raises:
        EndpointError: If there is no such endpoint, or its document is not valid.
    """
    from boathouse.endpoints.config import EndpointConfig

    documents = environment.endpoints
    unknown = sorted(set(names) - set(documents))
    if unknown or not documents:
        known = ", ".join(sorted(documents)) or "none"
        raise EndpointError(
            f"There is no endpoint '{', '.join(unknown) or 'any'}'. Known: {known}. See conf/base/serving."
        )
    chosen = tuple(names) or tuple(documents)
    for name in chosen:
        EndpointConfig.from_document(name, documents[name])
    return chosen


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens, to be shared by all workers.

    Raises:
        ConfigError: If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"{host}:{port} cannot be listened on ({error.strerror}). Choose another --port or --host."
        raise ConfigError(message) from error
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def _show_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
