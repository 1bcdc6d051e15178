"""Errors of scoring any table, and of streams of requests."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError

NOTHING_DONE = "Nothing was scored or written."


class InferenceError(BoathouseError):
    """An input cannot be scored, or an output cannot take the scores."""

    @classmethod
    def unknown_output(cls, text: str) -> InferenceError:
        """List the forms of output."""
        return cls(
            f"'{text}' is no output. {NOTHING_DONE} Give a table of the environment (<schema>.<table>), delta:FOLDER, "
            "parquet:FOLDER, csv:FOLDER, or a database as URL#TABLE, env:VARIABLE#TABLE or secret:SCOPE/KEY#TABLE."
        )

    @classmethod
    def other_schema(cls, table: str, lines: Iterable[str]) -> InferenceError:
        """Show how an existing output differs from what would be written."""
        diff = "\n".join(lines)
        return cls(
            f"The output '{table}' exists with other columns. {NOTHING_DONE}\n{diff}\nChoose another name, or drop it."
        )


NOTHING_ANSWERED = "Nothing of it was scored; what was scored before stays."
_RENAME = (
    "give the stream another name (stream_inference.stream.name): it then begins from the table as it is now; requests "
    "already answered are not answered again."
)


class StreamError(BoathouseError):
    """A stream cannot continue from its position."""

    @classmethod
    def rewritten(cls, table: str, *, version: int, operation: str) -> StreamError:
        """Name the version that removed rows, and the operation that did."""
        return cls(
            f"Version {version} of the stream's source '{table}' took rows away or replaced them ({operation}). "
            f"A stream reads rows that are added. {NOTHING_ANSWERED} If the change is right, {_RENAME}"
        )

    @classmethod
    def vacuumed(cls, table: str, *, version: int, files: int) -> StreamError:
        """Give the version whose files are gone."""
        return cls(
            f"{files} file(s) that version {version} added to the stream's source '{table}' are gone, probably "
            f"vacuumed before the stream read them. {NOTHING_ANSWERED} Restore them, or {_RENAME}"
        )

    @classmethod
    def log_gone(cls, table: str, *, version: int, newest: int) -> StreamError:
        """Give the version that the log no longer has."""
        return cls(
            f"The log of the stream's source '{table}' no longer has version {version} (newest: {newest}): it was "
            f"cleaned up before the stream read it. {NOTHING_ANSWERED} {_RENAME[0].upper()}{_RENAME[1:]} "
            "A longer delta.logRetentionDuration on the source prevents this."
        )

    @classmethod
    def replaced(cls, table: str) -> StreamError:
        """Report that the source is another table than the stream has read so far."""
        return cls(
            f"The stream's source '{table}' is another table than before: it was deleted and created again. "
            f"{NOTHING_ANSWERED} If that is meant, give the stream another name (stream_inference.stream.name)."
        )

    @classmethod
    def endless_on_serverless(cls, trigger: str) -> StreamError:
        """Name the trigger that serverless compute does not have."""
        return cls(
            f"stream_inference.stream.trigger is '{trigger}'; serverless compute has streams that answer what waits "
            f"and end. {NOTHING_ANSWERED} Set it to available_now, as resources/stream_inference.job.yml does, and let "
            "the job start again; a stream without end needs a cluster."
        )
