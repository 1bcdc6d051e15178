"""Errors of bearer tokens; a secret is in none of them."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class TokenError(BoathouseError):
    """A token cannot be made, found or read."""

    @classmethod
    def odd_name(cls, name: str) -> TokenError:
        """Give the name and the form that names have."""
        return cls(
            f"{name!r} is no name of a token. Use up to 64 letters, digits and . _ @ -, a letter or digit first."
        )

    @classmethod
    def unknown_scopes(cls, found: Iterable[str], known: Iterable[str]) -> TokenError:
        """Name the scopes that there are not."""
        return cls(f"Unknown scope(s): {', '.join(found) or 'none given'}. Known: {', '.join(known)}.")

    @classmethod
    def taken(cls, name: str) -> TokenError:
        """Name the token that is there already."""
        return cls(f"There is a token '{name}' already. Revoke it, or choose another name.")

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> TokenError:
        """Name the token asked for and those there are."""
        return cls(f"There is no token '{name}'. Known: {', '.join(sorted(known)) or 'none'}.")

    @classmethod
    def unreadable(cls, path: str) -> TokenError:
        """Name the file."""
        return cls(f"{path} is not a file of tokens. Move it away and create the tokens anew: boathouse tokens create.")

    @classmethod
    def needed(cls, host: str, environment: str) -> TokenError:
        """Say why the server does not start without a token."""
        return cls(
            f"{host} can be reached from other machines, so each request needs a token, and there is none. Create one: "
            f"boathouse tokens create NAME --scope query --env {environment}"
        )
