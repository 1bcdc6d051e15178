"""What must hold before a run begins: a store that answers and folders that can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from boathouse.hooks.locations import require_writable
from boathouse.hooks.logs import quiet_third_parties
from boathouse.hooks.tracking_store import check_tracking_store

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext


class PreflightHooks:
    """Stops a run that could only fail half-way, before anything is written."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check folders and store ahead of kedro-mlflow, which opens the store in the same hook."""
        quiet_third_parties()
        lakehouse = context.config_loader["globals"]["lakehouse"]
        if lakehouse["engine"] != "databricks":
            require_writable(lakehouse["root"], purpose="the tables of the lakehouse")
        check_tracking_store(context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"])
