"""Errors of streams: a source that is not what it was, and outputs that do not fit."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError

_ONWARD = "Nothing of it was scored; what was scored before stays."


class StreamError(BoathouseError):
    """A stream cannot go on from where it is."""

    @classmethod
    def changed_columns(cls, table: str, lines: Iterable[str], *, version: int) -> StreamError:
        """Show the column diff of the source against what the stream reads, and the version that brought it."""
        diff = "\n".join(lines)
        return cls(
            f"The columns of the stream's source '{table}' are not those it reads (version {version}). {_ONWARD}\n"
            f"{diff}\n"
            "Give the source its columns back, or change the contract of the events and the code in one commit; "
            "then start the stream again: it goes on where it was."
        )

    @classmethod
    def rewritten(cls, table: str, *, version: int, operation: str) -> StreamError:
        """Name the version that took rows away, and what did it."""
        return cls(
            f"Version {version} of the stream's source '{table}' took rows away or replaced them ({operation}). "
            f"A stream reads rows that are added. {_ONWARD} If the change is right, give the stream another name "
            "(stream_inference.stream.name): it then begins from the table as it is now; requests already answered "
            "are not answered again."
        )

    @classmethod
    def vacuumed(cls, table: str, *, version: int, files: int) -> StreamError:
        """Give the version whose files are gone."""
        return cls(
            f"{files} file(s) that version {version} added to the stream's source '{table}' are gone, probably "
            f"vacuumed before the stream read them. {_ONWARD} Restore them, or give the stream another name "
            "(stream_inference.stream.name): it then begins from the table as it is now; requests already answered "
            "are not answered again."
        )

    @classmethod
    def log_gone(cls, table: str, *, version: int, newest: int) -> StreamError:
        """Give the version that the log no longer tells."""
        return cls(
            f"The log of the stream's source '{table}' no longer has version {version} (newest: {newest}): it was "
            f"cleaned up before the stream read it. {_ONWARD} Give the stream another name "
            "(stream_inference.stream.name): it then begins from the table as it is now; requests already answered "
            "are not answered again. A longer delta.logRetentionDuration on the source prevents this."
        )

    @classmethod
    def replaced(cls, table: str) -> StreamError:
        """Say that another table stands where the source was."""
        return cls(
            f"The stream's source '{table}' is another table than before: it was deleted and made anew. {_ONWARD} "
            "If that is meant, give the stream another name (stream_inference.stream.name)."
        )

    @classmethod
    def engine_stopped(cls, table: str, reason: str) -> StreamError:
        """Give the engine's kind of error."""
        return cls(f"The stream from '{table}' was stopped by its engine: {reason}. {_ONWARD} Start it again.")

    @classmethod
    def needs_engine(cls, what: str, engine: str, wanted: str) -> StreamError:
        """Name what this engine cannot do, and the one that can."""
        return cls(f"{what} is not possible on engine '{engine}'. Use {wanted}: BOATHOUSE_ENGINE={wanted}.")
