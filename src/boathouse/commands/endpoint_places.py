"""Where the commands about endpoints find the documents of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boathouse.commands.environment_conf import open_conf, use_stores
from boathouse.core.endpoints import EndpointConfig
from boathouse.core.errors import EndpointError


def read_endpoints(env: str, conf_source: Path, names: Sequence[str] = ()) -> dict[str, EndpointConfig]:
    """Return the endpoints of an environment as conf describes them, all without ``names``, in their order.

    The MLflow store of the environment is set for this process.

    Raises:
        ConfigError: If there is no such environment.
        EndpointError: If there is no such endpoint, or its document says something impossible.
    """
    documents = read_documents(env, conf_source)
    unknown = sorted(set(names) - set(documents))
    if unknown or not documents:
        raise EndpointError.unknown(", ".join(unknown) or "any", documents)
    chosen = names or tuple(documents)
    return {name: EndpointConfig.from_document(name, documents[name]) for name in chosen}


def read_documents(env: str, conf_source: Path) -> dict[str, Any]:
    """Return the documents of ``endpoints*.yml``; the MLflow store of the environment is set for this process.

    Raises:
        ConfigError: If there is no such environment.
    """
    loader = open_conf(env, conf_source)
    use_stores(loader["mlflow"]["server"])
    return dict(loader["endpoints"])
