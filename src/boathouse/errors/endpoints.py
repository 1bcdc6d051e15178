"""Errors of endpoints: documents that say something impossible."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class EndpointError(BoathouseError):
    """The document of an endpoint cannot be served."""

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> EndpointError:
        """Name the endpoint asked for and those there are."""
        return cls(
            f"There is no endpoint '{name}'. Known: {', '.join(sorted(known)) or 'none'}. See conf/base/serving."
        )

    @classmethod
    def wrong_form(cls, endpoint: str, where: str, expected: str, found: str) -> EndpointError:
        """Name the endpoint, the place in its document, and the form expected there."""
        return cls(f"Endpoint '{endpoint}': '{where}' has to be {expected}, found {found}.")

    @classmethod
    def unknown_keys(cls, endpoint: str, found: Iterable[str], known: Iterable[str]) -> EndpointError:
        """Name the keys that have no meaning and those that have."""
        return cls(f"Endpoint '{endpoint}': unknown {', '.join(found)}; allowed there: {', '.join(sorted(known))}.")

    @classmethod
    def incomplete(cls, endpoint: str, where: str) -> EndpointError:
        """Name the part that lacks a value."""
        return cls(f"Endpoint '{endpoint}': an entry of '{where}' lacks a value. Compare with docs/serving.md.")

    @classmethod
    def version_or_alias(cls, entity: str) -> EndpointError:
        """Name the served entity that is neither pinned nor follows, or both."""
        return cls(
            f"Served entity '{entity}' needs either an entity_version or an alias under boathouse.follow, and not both."
        )

    @classmethod
    def unknown_entities(cls, endpoint: str, found: Iterable[str], known: Iterable[str]) -> EndpointError:
        """Name what is referred to but not served."""
        return cls(f"Endpoint '{endpoint}' refers to {', '.join(found)}; served entities: {', '.join(known)}.")

    @classmethod
    def repeated(cls, endpoint: str, what: str, names: Iterable[str]) -> EndpointError:
        """Name what stands twice."""
        return cls(f"Endpoint '{endpoint}': {what} {', '.join(names)} stands more than once. Names are unique.")

    @classmethod
    def wrong_total(cls, endpoint: str, total: float) -> EndpointError:
        """Give the sum of the percentages."""
        return cls(f"Endpoint '{endpoint}': the routes' traffic percentages add up to {total:g}, not to 100.")

    @classmethod
    def mirror_with_traffic(cls, endpoint: str, names: Iterable[str]) -> EndpointError:
        """Name the mirrors that also answer."""
        return cls(f"Endpoint '{endpoint}': {', '.join(names)} only mirrors, so its traffic percentage has to be 0.")
