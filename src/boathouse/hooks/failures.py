"""The message of a failed run: what went wrong, where, and the command that resumes it."""

from __future__ import annotations

import os
import re
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.databricks.secrets import SHORTEST, known_values
from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SALT", re.IGNORECASE
)
_URL_LOGIN = re.compile(r"(?<=://)[^/\s:@]+(:[^/\s@]*)?@")
_PACKAGE = Path(__file__).parents[1]
# It is in every traceback and never the place of the fault.
_CLI = str(_PACKAGE / "cli.py")


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return ``text`` without secrets that were read, values of secret environment variables, and logins in URLs.

    A variable is secret by its name: token, secret, password, credential, key, salt.
    """
    known = os.environ if environ is None else environ
    # A shorter value would blank out ordinary words.
    secrets = {value for name, value in known.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST}
    for secret in sorted({*secrets, *known_values()}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _URL_LOGIN.sub("***@", text)


def describe_failure(error: BaseException, *, with_traceback: bool) -> str:
    """Return one block: the reason, then the notes that hooks attached (node, resume command).

    The reason of an error raised on purpose is its message. Any other error shows its type and the
    place in the code. Secrets are blanked.
    """
    reason = _find_reason(error)
    lines = ["Error: " + say_error(reason)]
    if not isinstance(reason, BoathouseError | click.ClickException):
        lines += [_say_place(reason), "Set BOATHOUSE_DEBUG=1 to see the traceback."]
    lines += getattr(error, "__notes__", [])
    if with_traceback:
        lines.insert(0, "".join(traceback.format_exception(error)))
    return redact("\n".join(line for line in lines if line))


def _find_reason(error: BaseException) -> BaseException:
    """Return the first error of ours in the chain, else the outermost."""
    return next((link for link in _walk_causes(error) if isinstance(link, BoathouseError)), error)


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def say_error(reason: BaseException) -> str:
    """Return the message of an error raised on purpose; of any other, type and message with its causes."""
    if isinstance(reason, click.ClickException):
        return reason.format_message()
    if isinstance(reason, BoathouseError):
        return str(reason)
    first, *causes = _walk_causes(reason)
    shown = _name_error(first)
    # Kedro often repeats the cause's words in the error that it raises from it; a cause without words is named.
    return " <- ".join([shown, *(_name_error(link) for link in causes if not str(link) or str(link) not in shown)])


def _name_error(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _say_place(error: BaseException) -> str:
    """Return the innermost line of this package in the traceback, or the innermost line of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents and frame.filename != _CLI]
    if not frames:
        return ""
    frame = (ours or list(frames))[-1]
    return f"at {frame.filename}:{frame.lineno} in {frame.name}"


def find_resume_nodes(pipeline: Pipeline, unfinished: Collection[Node], catalog: DataCatalog) -> list[str]:
    """Return the names of the nodes from which a new run has all its inputs on disk.

    That is each unfinished node, or the producers of its inputs where these lived in memory only.
    """
    producers = {name: node for node in pipeline.nodes for name in node.outputs}
    needed: set[Node] = set()
    queue = list(unfinished)
    while queue:
        node = queue.pop()
        if node not in needed:
            needed.add(node)
            queue += [producers[name] for name in node.inputs if name in producers and is_ephemeral(name, catalog)]
    outputs = {name for node in needed for name in node.outputs}
    return [node.name for node in pipeline.nodes if node in needed and not outputs.intersection(node.inputs)]


def is_ephemeral(name: str, catalog: DataCatalog) -> bool:
    """Return whether dataset ``name`` is gone when the run ends."""
    return bool(getattr(catalog.get(name), "_EPHEMERAL", True)) if name in catalog else True


def resume_command(run_params: Mapping[str, Any], from_nodes: Collection[str]) -> str:
    """Return the command line that goes on from ``from_nodes`` with the options of this run."""
    options = {
        "pipelines": ",".join(run_params.get("pipeline_names") or ()),
        "env": run_params.get("env") or "",
        **_read_cli_options(),
        "params": ",".join(_flatten(run_params.get("runtime_params") or {})),
        "from-nodes": ",".join(from_nodes),
    }
    engine = os.environ.get("BOATHOUSE_ENGINE")
    words = [f"BOATHOUSE_ENGINE={engine}"] if engine else []
    words += [*_program(), "run"]
    for name, value in options.items():
        words += [f"--{name}", shlex.quote(value)] if value else []
    return " ".join(words)


def _program() -> list[str]:
    stem = Path(sys.argv[0]).stem if sys.argv else ""
    return [stem] if stem in {"kedro", "boathouse"} else ["python", "-m", "boathouse"]


def _read_cli_options() -> dict[str, str]:
    context = click.get_current_context(silent=True)
    given = context.params if context else {}
    return {
        name.replace("_", "-"): str(given[name]) for name in ("conf_source", "data_dir", "runner") if given.get(name)
    }


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    pairs: list[str] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        pairs += _flatten(value, f"{path}.") if isinstance(value, dict) else [f"{path}={value}"]
    return pairs
