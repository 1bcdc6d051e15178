"""Errors of endpoints: their documents, rollouts, experiments and bearer tokens. A secret is in none of them."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class EndpointError(BoathouseError):
    """The document of an endpoint cannot be served."""

    @classmethod
    def wrong_form(cls, endpoint: str, where: str, expected: str, found: str) -> EndpointError:
        """Name the endpoint, the key in its document, and the form expected there."""
        return cls(f"Endpoint '{endpoint}': '{where}' has to be {expected}, found {found}.")

    @classmethod
    def unknown_entities(cls, endpoint: str, unknown: Iterable[str], known: Iterable[str]) -> EndpointError:
        """Name what is referred to but not served."""
        return cls(f"Endpoint '{endpoint}' refers to {', '.join(unknown)}; served entities: {', '.join(known)}.")


class RolloutError(BoathouseError):
    """A change of an endpoint cannot be made."""

    @classmethod
    def no_canary(cls, name: str, kind: str, ended: str = "", *, environment: str) -> RolloutError:
        """Name the endpoint without a canary, and the record that ended the last one."""
        return cls(
            f"Endpoint '{name}' has no canary under way (its split is '{kind}'{ended}). Start one with "
            f"`boathouse endpoints update {name} --split canary --candidate ENTITY --env {environment}`."
        )

    @classmethod
    def no_version(cls, endpoint: str, entity: str, why: str) -> RolloutError:
        """Name the entity that could answer nothing, and why."""
        return cls(
            f"Endpoint '{endpoint}': served entity '{entity}' has no version that can be loaded: {why.rstrip('.')}. "
            "Nothing was recorded: its requests would fail."
        )

    @classmethod
    def not_in_service(cls, endpoint: str, entity: str, why: str) -> RolloutError:
        """Name the entity whose version was taken out of service, and why."""
        return cls(f"Endpoint '{endpoint}': served entity '{entity}' may not answer: {why.rstrip('.')}.")

    @classmethod
    def under_way(cls, name: str, kind: str, since: str, *, environment: str) -> RolloutError:
        """Name the rollout that has to end first, who started it and when."""
        return cls(
            f"Endpoint '{name}' is in a rollout ({kind}), {since}. Nothing was recorded. End it first: boathouse "
            f"endpoints promote {name} --env {environment}, or boathouse endpoints rollback {name} --env {environment}."
        )

    @classmethod
    def not_as_expected(
        cls, name: str, expected: int, found: int, kind: str, actor: str, *, environment: str
    ) -> RolloutError:
        """Give the record that was expected to be the newest, and the one that is."""
        newest = f"record {found} ({kind}) by {actor}" if found else "conf, nothing is recorded"
        return cls(
            f"Endpoint '{name}': record {expected} was expected to be the newest, found {newest}. Nothing of yours was "
            f"applied. Look at it with `boathouse endpoints show {name} --env {environment}`, then decide again."
        )

    @classmethod
    def no_records(cls, table: str, why: str, environment: str) -> RolloutError:
        """Name the table that cannot be read, so that nothing says what an endpoint serves."""
        return cls(
            f"{table} cannot be read ({why}), so that nothing says what an endpoint serves. Nothing was changed. Check "
            f"it: boathouse audit verify --env {environment}. Restore it from a backup."
        )

    @classmethod
    def switched_off(cls) -> RolloutError:
        """Name the key that switches A/B tests on."""
        return cls("A/B tests are switched off in this environment: experiments.enabled in conf (rollouts.yml).")

    @classmethod
    def no_server(cls, address: str, why: str) -> RolloutError:
        """Name the address that does not answer."""
        return cls(f"{address} does not answer ({why}). Start it with `boathouse serve`, or check the address.")


class ExperimentError(BoathouseError):
    """An experiment cannot be planned or reported."""

    @classmethod
    def too_few(cls, unit: str, found: int, needed: int) -> ExperimentError:
        """Give what is needed and what was found."""
        return cls(f"An estimate needs at least {needed} {unit}, found {found}. Wait for more, or widen the period.")

    @classmethod
    def out_of_reach(cls, effect: str) -> ExperimentError:
        """Give the numbers that cannot be planned for."""
        return cls(f"No number of units can show this: {effect}.")


class TokenError(BoathouseError):
    """A token cannot be made, found or read."""
