"""``boathouse serve``: the endpoints of an environment over HTTP."""

from __future__ import annotations

import ipaddress
import socket
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.feature_places import ENVIRONMENT, STORE_HELP, locate_online_store
from boathouse.commands.harbour import Harbour, open_harbour
from boathouse.core.errors import ConfigError, TokenError

if TYPE_CHECKING:
    from boathouse.core.endpoints import EndpointConfig

WORKER = "boathouse.commands.serve_worker"


@click.command()
@ENVIRONMENT
@click.option("--endpoint", "names", multiple=True, help="An endpoint of conf; may be repeated. Default: all.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.option("--ssl-certfile", type=click.Path(exists=True, dir_okay=False), default=None, help="Certificate (PEM).")
@click.option("--ssl-keyfile", type=click.Path(exists=True, dir_okay=False), default=None, help="Its key (PEM).")
@click.option("--require-token", is_flag=True, help="Ask for a token also where only this machine can connect.")
@click.option("--access-log/--no-access-log", default=True, help="Whether each answered request is a line of the log.")
@click.option("--store", "url", default=None, help=STORE_HELP)
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder of models, as in an image; default: the registry.",
)
def serve(  # noqa: PLR0913, PLR0917 - options
    env: str,
    conf_source: Path,
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
    """Serve the environment's endpoints: scores, features and published predictions over HTTP.

    Requests and answers are those of MLflow's and Databricks' servers. A new champion or challenger is
    served within seconds, and no request is lost. On an address that other machines can reach every request needs a
    token (boathouse tokens create). docs/serving.md has examples with curl.
    """
    from boathouse.serving.supervisor import serve as run
    from boathouse.serving.tokens import TokenFile

    if (ssl_certfile is None) != (ssl_keyfile is None):
        message = "TLS needs both --ssl-certfile and --ssl-keyfile."
        raise ConfigError(message)
    tokens = locate_tokens(env)
    public = not is_loopback(host)
    if public and not TokenFile(tokens).read():
        raise TokenError.needed(host, env)
    harbour = open_harbour(env, conf_source)
    source, configs = _open_source(env, conf_source, names, harbour, models=models)
    listener = open_listener(host, port)
    with listener, tempfile.TemporaryDirectory(prefix="boathouse-serve-") as run_folder:
        scheme, bound = "https" if ssl_certfile else "http", listener.getsockname()
        click.echo(f"Serving {', '.join(configs)} of {env} on {scheme}://{_show_host(bound[0])}:{bound[1]}")
        if public and not ssl_certfile:
            click.echo("Tokens travel unencrypted: use --ssl-certfile and --ssl-keyfile, or a proxy that has them.")
        setup = make_setup(
            configs,
            tokens=tokens.as_posix(),
            token_required=public or require_token,
            environment=env,
            store=locate_online_store(env, url),
            run_folder=run_folder,
            log_requests=access_log,
            log_table=harbour.log.path or "",
            log_journal=harbour.journal.as_posix(),
            ssl_certfile=ssl_certfile,
            ssl_keyfile=ssl_keyfile,
        )
        run(source, setup, listener, workers, module=WORKER)


def make_setup(configs: dict[str, EndpointConfig], **options: Any) -> Any:  # noqa: ANN401 - options of Setup
    """Return what each worker is told first."""
    from boathouse.serving.worker import Setup

    return Setup(
        slot=0,
        endpoints={name: config.to_document() for name, config in configs.items()},
        mlflow_version=version("mlflow"),
        drain_seconds=max(config.limits.drain_seconds for config in configs.values()),
        **options,
    )


def _open_source(
    env: str, conf_source: Path, names: tuple[str, ...], harbour: Harbour, *, models: Path | None
) -> tuple[Any, dict[str, EndpointConfig]]:
    """Return what is to be served now, and a source that follows the registry, or a folder, and recorded changes."""
    from boathouse.commands.endpoint_places import read_endpoints
    from boathouse.datasets.folder_versions import FolderVersions
    from boathouse.datasets.registry_versions import RegistryVersions
    from boathouse.governance.endpoint_states import choose_configurations
    from boathouse.serving.source import Source

    chosen, states = read_endpoints(env, conf_source, names), harbour.states()

    def read() -> dict[str, EndpointConfig]:
        found = choose_configurations(states, experiments=harbour.experiments.enabled)
        return {name: found[name] for name in chosen}

    registry = RegistryVersions() if models is None else FolderVersions(models)
    return Source(read, registry), read()


def locate_tokens(environment: str) -> Path:
    """Return the file of an environment's tokens, in the data folder."""
    from boathouse.hooks.locations import locate_data

    return Path(locate_data(f"tokens_{environment}.json"))


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
