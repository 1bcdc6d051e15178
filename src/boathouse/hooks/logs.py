"""What a run logs to the terminal besides its progress: warnings and errors, nothing else."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import Any

from boathouse.hooks.failures import redact

# The same as conf/logging.yml, which Kedro reads in a checkout; a packaged run has no such file.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"short": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "short", "stream": "ext://sys.stderr"},
        # This class sends Python's warnings to the logger py.warnings.
        "warnings": {"class": "kedro.logging.RichHandler"},
    },
    "loggers": {
        "kedro": {"level": "WARNING"},
        # Reports a failed run by warnings and its own resume hint; ours is the one shown.
        "kedro.runner": {"level": "ERROR"},
        # Logs the error of a node and then raises it.
        "kedro.pipeline.node": {"level": "CRITICAL"},
        # Logs each faulty parameter and then raises the same text.
        "kedro.validation.parameter_validator": {"level": "CRITICAL"},
        # Of plugins that the kedro command loads before our settings.
        "py.warnings": {"level": "ERROR", "handlers": ["warnings"], "propagate": False},
    },
    "root": {"level": "WARNING", "handlers": ["console"]},
}


class SecretFilter(logging.Filter):
    """Blanks secrets in what is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its text without secrets."""
        text = record.getMessage()
        shown = redact(text)
        if shown != text:
            record.msg, record.args = shown, None
        return True


_HIDE_SECRETS = SecretFilter()


# Third-party loggers that report their normal work as warnings or information.
_NOISY = {
    "alembic": logging.ERROR,
    "kedro_mlflow": logging.ERROR,
    "kedro_viz": logging.ERROR,
    "kedro_telemetry": logging.CRITICAL,
    "mlflow": logging.ERROR,
    "py4j": logging.ERROR,
    "pyspark": logging.ERROR,
    "grpc": logging.ERROR,
    "urllib3": logging.ERROR,
}


def is_debugging() -> bool:
    """Return whether ``BOATHOUSE_DEBUG`` asks for full logs and tracebacks."""
    return os.environ.get("BOATHOUSE_DEBUG", "") not in {"", "0"}


def set_quiet_defaults() -> None:
    """Switch off telemetry, colour banners and progress bars, unless the environment says otherwise."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "INFO" if is_debugging() else "ERROR")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Otherwise MLflow takes the requirements of a model from whatever lock file lies in the folder.
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")


def quiet_logs() -> None:
    """Apply `LOGGING` where the user has no logging file, and silence known harmless noise."""
    set_quiet_defaults()
    if is_debugging():
        return
    if not _has_logging_file():
        from kedro.framework.project import configure_logging

        configure_logging(LOGGING)
    # From here on warnings are shown, but for those known to be harmless.
    logging.captureWarnings(False)  # noqa: FBT003  # the standard library's signature
    quiet_third_parties()


def quiet_third_parties() -> None:
    """Silence the noise of other packages; to be called again once they are imported, for some reset it.

    From here on every handler of the root logger shows records without secrets. Kedro's file of logging may name no
    filter class.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_HIDE_SECRETS)
    if is_debugging():
        return
    for name, level in _NOISY.items():
        logging.getLogger(name).setLevel(level)
    # One that is there is not added again.
    logging.getLogger().addFilter(_is_no_echo)
    _ignore_harmless_warnings()


def _is_no_echo(record: logging.LogRecord) -> bool:
    """Return whether the record is other than py4j's of a signal, with a traceback, which it raises as well."""
    return record.msg != "KeyboardInterrupt while sending command."


def _has_logging_file() -> bool:
    return bool(os.environ.get("KEDRO_LOGGING_CONFIG")) or any(
        Path("conf/logging").with_suffix(suffix).exists() for suffix in (".yml", ".yaml", ".json")
    )


def _ignore_harmless_warnings() -> None:
    # mlflow asks for type hints on classes of kedro-mlflow and of its own that we do not use.
    warnings.filterwarnings("ignore", message=".*type hints to the `predict` method.*")
    warnings.filterwarnings("ignore", message=".*type hint is inferred as AnyType.*")
    # Our datasets are named <schema>.<table>; our namespaces do not prefix them, so nothing clashes.
    warnings.filterwarnings("ignore", message="One or more dataset names contain '.' characters.*")
    # Kedro calls it; a newer omegaconf has another name for it.
    warnings.filterwarnings("ignore", message=r"register_new_resolver\(\) is deprecated.*")
    # mlflow knows one kind of local file under two names.
    warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted in multiple ways.*")
    # mlflow and its dependencies use each other's deprecated names; nothing a user can change.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"mlflow|pyspark|google")
