"""Bearer tokens: kept as hashes in a file that can change while the server runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from boathouse.atomic_files import folder_lock, write_file
from boathouse.errors import TokenError

SCOPES = ("manage", "query")
_PREFIX = "bh"
_ID_BYTES, _SECRET_BYTES = 6, 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# How long the file is taken to be as it was read; a revoked token works no longer than this.
_FRESH_S = 1.0
_FORM = re.compile(rf"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([A-Za-z0-9_-]{{20,100}})")


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is kept of a token.

    Attributes:
        id: Public part, by which it is found and revoked.
        name: Who or what it is for.
        scopes: What it may do: ``query``, ``manage`` or both.
        digest: SHA-256 of its secret part; the secret has 256 random bits, so that no slow hash is needed.
        created_at: When it was made, ISO 8601 in UTC.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    digest: str
    created_at: str


class TokenFile:
    """The tokens of an environment; safe to change by several processes at once."""

    def __init__(self, path: Path) -> None:
        """Remember where; the file need not be there."""
        self.path = path
        self._tokens: dict[str, Token] = {}
        self._checked = float("-inf")
        self._seen: tuple[int, ...] | None = None

    def find(self, text: str) -> Token | None:
        """Return the token that ``text`` is, or None; takes the same time for a wrong secret as for a right one."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        token = self.read().get(form[1])
        expected = token.digest if token else "0" * 64
        matches = hmac.compare_digest(_digest(form[2]), expected)
        return token if token is not None and matches else None

    def read(self, *, now: bool = False) -> dict[str, Token]:
        """Return the tokens by id, as of at most a second ago.

        Raises:
            TokenError: If the file cannot be read as one of tokens.
        """
        if now or time.monotonic() - self._checked > _FRESH_S:
            self._checked = time.monotonic()
            seen = _state_of(self.path)
            if seen != self._seen:
                self._tokens, self._seen = _load(self.path), seen
        return self._tokens

    def create(self, name: str, scopes: Sequence[str]) -> str:
        """Make a token and return its text, which is nowhere kept.

        Raises:
            TokenError: If the name is taken or odd, or a scope unknown.
        """
        if not _NAME.fullmatch(name):
            raise TokenError(
                f"{name!r} is no name of a token. Use up to 64 letters, digits and . _ @ -, a letter or digit first."
            )
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise TokenError(f"Unknown scope(s): {', '.join(unknown) or 'none given'}. Known: {', '.join(SCOPES)}.")
        public, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        with self._changing() as tokens:
            if any(token.name == name for token in tokens.values()):
                raise TokenError(f"There is a token '{name}' already. Revoke it, or choose another name.")
            tokens[public] = Token(
                id=public,
                name=name,
                scopes=tuple(sorted(set(scopes))),
                digest=_digest(secret),
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        return f"{_PREFIX}_{public}_{secret}"

    def revoke(self, name: str) -> Token:
        """Remove the token of that name or id; return what it was.

        Raises:
            TokenError: If there is none.
        """
        with self._changing() as tokens:
            found = next((token for token in tokens.values() if name in (token.name, token.id)), None)
            if found is None:
                known = ", ".join(sorted(token.name for token in tokens.values())) or "none"
                raise TokenError(f"There is no token '{name}'. Known: {known}.")
            del tokens[found.id]
        return found

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Token]]:
        """Give the tokens to be changed, alone; they are written in one step, readable by the owner only."""
        with folder_lock(self.path.parent, purpose="change the tokens"):
            tokens = dict(_load(self.path))
            yield tokens
            text = json.dumps([asdict(token) for token in tokens.values()], indent=2)
            write_file(self.path, text.encode(), mode=0o600)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _state_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _load(path: Path) -> dict[str, Token]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {each["id"]: Token(**{**each, "scopes": tuple(each["scopes"])}) for each in raw}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise TokenError(
            f"{path.as_posix()} is not a file of tokens. Move it away and create the tokens again: "
            "boathouse tokens create."
        ) from error
