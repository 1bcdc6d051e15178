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
    def no_canary(cls, name: str, kind: str) -> RolloutError:
        """Name the endpoint without a canary."""
        return cls(
            f"Endpoint '{name}' has no canary under way (its split is '{kind}'). Start one with "
            f"`boathouse endpoints update {name} --split canary --candidate ENTITY`."
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
