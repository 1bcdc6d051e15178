"""Errors of rollouts and experiments: changes that may not or cannot be made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from boathouse.errors.base import BoathouseError


class RolloutError(BoathouseError):
    """A change of an endpoint cannot be made."""

    @classmethod
    def unknown(cls, name: str) -> RolloutError:
        """Name the endpoint that neither conf nor the ledger knows."""
        return cls(
            f"There is no endpoint '{name}': not in conf/base/serving/endpoints.yml, not in audit.deployments. "
            "`boathouse endpoints list` shows those there are."
        )

    @classmethod
    def changed_meanwhile(cls, name: str, sequence: int, kind: str, actor: str, moment: datetime) -> RolloutError:
        """Say who was first."""
        return cls(
            f"Endpoint '{name}' was changed meanwhile: record {sequence} ({kind}) by {actor} at "
            f"{moment:%Y-%m-%d %H:%M:%S} UTC. Nothing of yours was applied. Look at it with "
            f"`boathouse endpoints show {name}`, then decide again."
        )

    @classmethod
    def nothing_to_undo(cls, name: str) -> RolloutError:
        """Name the endpoint that serves what conf says."""
        return cls(f"Endpoint '{name}' serves what conf says: there is nothing to roll back to.")

    @classmethod
    def nothing_changes(cls, name: str) -> RolloutError:
        """Name the endpoint whose configuration would stay as it is."""
        return cls(f"Endpoint '{name}' has this configuration already: nothing was recorded.")

    @classmethod
    def no_candidate(cls, name: str, entities: Iterable[str]) -> RolloutError:
        """Name the endpoint of which it is not clear what to promote."""
        return cls(
            f"Endpoint '{name}': several entities could be promoted. Name one of {', '.join(entities)} with --entity."
        )

    @classmethod
    def not_served(cls, name: str, entity: str, entities: Iterable[str]) -> RolloutError:
        """Name the entity asked for and those there are."""
        return cls(f"Endpoint '{name}' does not serve '{entity}'. Served: {', '.join(entities)}.")

    @classmethod
    def wrong_route(cls, text: str) -> RolloutError:
        """Give the text that is no route."""
        return cls(f"'{text}' is no route. Write the entity and its percentage: champion=90.")

    @classmethod
    def no_canary(cls, name: str, kind: str) -> RolloutError:
        """Name the endpoint without a canary."""
        return cls(
            f"Endpoint '{name}' has no canary under way (its split is '{kind}'). Start one with "
            f"`boathouse endpoints update {name} --split canary --candidate ENTITY`."
        )

    @classmethod
    def no_experiment(cls, name: str) -> RolloutError:
        """Name the endpoint that never had an A/B test."""
        return cls(
            f"Endpoint '{name}' never had an A/B test. Start one with `boathouse endpoints update {name} --split ab "
            "--salt NAME --route champion=50 --route challenger=50`."
        )

    @classmethod
    def no_log(cls, table: str) -> RolloutError:
        """Name the log that is not there."""
        return cls(f"There is no table {table} on this machine: no endpoint has logged yet, or the platform keeps it.")

    @classmethod
    def switched_off(cls) -> RolloutError:
        """Say which key switches A/B tests on."""
        return cls("A/B tests are switched off in this environment: experiments.enabled in conf (rollouts.yml).")

    @classmethod
    def no_server(cls, address: str, why: str) -> RolloutError:
        """Name the address that does not answer."""
        return cls(f"{address} does not answer ({why}). Start it with `boathouse serve`, or check the address.")


class ExperimentError(BoathouseError):
    """An experiment cannot be planned or reported."""

    @classmethod
    def too_few(cls, what: str, found: int, needed: int) -> ExperimentError:
        """Say what is needed and what was found."""
        return cls(f"An estimate needs at least {needed} {what}, found {found}. Wait for more, or widen the period.")

    @classmethod
    def no_exposures(cls, endpoint: str, where: str) -> ExperimentError:
        """Name the endpoint whose log has no row of an experiment."""
        return cls(
            f"The log of endpoint '{endpoint}' in {where} has no row that an A/B test assigned. The split must be "
            "of kind ab, rows must carry its unit, and the log must be enabled."
        )

    @classmethod
    def masked_unit(cls, column: str) -> ExperimentError:
        """Name the column of the unit that the log masks."""
        return cls(
            f"The log masks '{column}', so that units cannot be told apart. Use the policy hash for it "
            "(boathouse.log.personal of the endpoint)."
        )

    @classmethod
    def missing_column(cls, file: str, column: str, found: Iterable[str]) -> ExperimentError:
        """Name the column that a file of outcomes lacks."""
        return cls(f"{file} lacks the column '{column}'. It has: {', '.join(found)}.")

    @classmethod
    def not_a_number(cls, file: str, column: str, row: int) -> ExperimentError:
        """Name column and row of a value that is no number."""
        return cls(f"{file}: row {row} of column '{column}' is no number.")

    @classmethod
    def out_of_reach(cls, what: str) -> ExperimentError:
        """Say which numbers cannot be planned for."""
        return cls(f"No number of units can show this: {what}.")
