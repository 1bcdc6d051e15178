"""Bearer tokens: kept as hashes in a file that can change while the server runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boathouse.atomic_files import folder_lock, write_file
from boathouse.errors import TokenError

SCOPES = ("manage", "query")
_PREFIX = "bh"
_ID_BYTES, _SECRET_BYTES = 6, 32
_ID, _DIGEST = re.compile(rf"[0-9a-f]{{{2 * _ID_BYTES}}}"), re.compile(r"[0-9a-f]{64}")
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

    def __init__(self, path: Path, *, on_change: Callable[[str], None] = lambda _problem: None) -> None:
        """Remember where; the file need not be there.

        Args:
            path: The file.
            on_change: Called with why the file cannot be read, as soon as that is found, and with an empty text once it
                can be read again.
        """
        self.path, self._on_change = path, on_change
        self.problem = ""
        self._tokens: dict[str, Token] = {}
        self._checked = float("-inf")
        self._seen: tuple[int, ...] | None = None

    def find(self, text: str) -> Token | None:
        """Return the token that ``text`` is, or None; takes the same time for a wrong secret as for a right one."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        # One that was made within the last second counts at once: the file is looked at again.
        token = self.read().get(form[1]) or self.read(now=True).get(form[1])
        expected = token.digest if token else "0" * 64
        matches = hmac.compare_digest(_digest(form[2]), expected)
        return token if token is not None and matches else None

    def read(self, *, now: bool = False) -> dict[str, Token]:
        """Return the tokens by id, as of at most a second ago.

        Raises:
            TokenError: If the file cannot be read as one of tokens: which are revoked is not known then.
        """
        if now or time.monotonic() - self._checked > _FRESH_S:
            self._checked = time.monotonic()
            problem = self._refresh()
            if problem != self.problem:
                self.problem = problem
                self._on_change(problem)
        if self.problem:
            raise TokenError(self.problem)
        return self._tokens

    def _refresh(self) -> str:
        """Read the file if it has changed; return why it cannot be read, or an empty text."""
        try:
            seen = _state_of(self.path)
            if self.problem or seen != self._seen:
                self._tokens, self._seen = _load(self.path), seen
        except TokenError as error:
            return str(error)
        return ""

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
        try:
            with folder_lock(self.path.parent, purpose="change the tokens"):
                tokens = dict(_load(self.path))
                yield tokens
                text = json.dumps([asdict(token) for token in tokens.values()], indent=2)
                write_file(self.path, text.encode(), mode=0o600)
        except OSError as error:
            raise _not_accessible(self.path, error) from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _state_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes with the file; None if there is none.

    Raises:
        TokenError: If there is something else of that name, or it cannot be accessed.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_accessible(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise TokenError(f"{path.as_posix()} is no file. Move it away; the file of tokens belongs there.")
    return found.st_mtime_ns, found.st_ino, found.st_size


def _load(path: Path) -> dict[str, Token]:
    if _state_of(path) is None:
        return {}
    try:
        tokens = [_read_token(each) for each in json.loads(path.read_bytes().decode())]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _not_accessible(path, error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TokenError(
            f"{path.as_posix()} is not a file of tokens: it was damaged or replaced. Restore it from a backup, or move "
            "it away and create the tokens again: boathouse tokens create NAME."
        ) from error
    return {token.id: token for token in tokens}


def _read_token(raw: Any) -> Token:  # noqa: ANN401 - any JSON value
    """Return the token of an entry of the file.

    Raises:
        ValueError: If a part of it is not what is written there; as TypeError or KeyError if it is no entry at all.
    """
    token = Token(**{**raw, "scopes": tuple(raw["scopes"])})
    texts = (token.id, token.name, token.digest, token.created_at)
    is_whole = all(isinstance(text, str) for text in texts) and set(token.scopes) <= set(SCOPES)
    if not is_whole or not _ID.fullmatch(token.id) or not _DIGEST.fullmatch(token.digest):
        raise ValueError("no token")
    return token


def _not_accessible(path: Path, error: OSError) -> TokenError:
    return TokenError(
        f"{path.as_posix()} cannot be accessed ({error.strerror or type(error).__name__}). Let this account read the "
        "file and write in its folder."
    )
