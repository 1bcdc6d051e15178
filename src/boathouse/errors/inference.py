"""Errors of scoring tables that are no part of the project's own flow."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError

_NOTHING = "Nothing was scored or written."


class InferenceError(BoathouseError):
    """An input cannot be scored, or an output cannot take the scores."""

    @classmethod
    def wrong_columns(cls, where: str, lines: Iterable[str], found: Iterable[str]) -> InferenceError:
        """Show what the input lacks or has in another type."""
        diff = "\n".join(lines)
        return cls(
            f"The input {where} does not fit. {_NOTHING}\n{diff}\nIt has: {', '.join(found)}.\n"
            "Give it keys and time, and either nothing else or all features of the model."
        )

    @classmethod
    def empty_input(cls, where: str) -> InferenceError:
        """Name the input without rows."""
        return cls(f"The input {where} has no rows. {_NOTHING}")

    @classmethod
    def unknown_input(cls, text: str) -> InferenceError:
        """Say which forms of input there are."""
        return cls(
            f"There is no input '{text}'. {_NOTHING} Give a table of the environment (<schema>.<table>), the folder of "
            "a Delta table, or a file or folder that ends in .parquet or .csv."
        )

    @classmethod
    def unknown_output(cls, text: str) -> InferenceError:
        """Say which forms of output there are."""
        return cls(
            f"'{text}' is no output. {_NOTHING} Give a table of the environment (<schema>.<table>), delta:FOLDER, "
            "parquet:FOLDER, csv:FOLDER, or a database as URL#TABLE or env:VARIABLE#TABLE."
        )

    @classmethod
    def missing_variable(cls, name: str) -> InferenceError:
        """Name the environment variable that is not set."""
        return cls(f"The environment variable {name} is not set; it should hold the URL of a database. {_NOTHING}")

    @classmethod
    def other_schema(cls, table: str, lines: Iterable[str]) -> InferenceError:
        """Show how an existing output differs from what would be written."""
        diff = "\n".join(lines)
        return cls(
            f"The output '{table}' exists with other columns. {_NOTHING}\n{diff}\nChoose another name, or drop it."
        )

    @classmethod
    def database_failed(cls, table: str, reason: str) -> InferenceError:
        """Name the table and the database's kind of error, never its text, which may hold URL or values."""
        return cls(
            f"Table '{table}' of the database cannot be written ({reason}); its transaction was rolled back. "
            "Check the URL, the driver and the rights, then run again: a batch is never written twice."
        )

    @classmethod
    def stream_output(cls, text: str) -> InferenceError:
        """Say what a stream writes to."""
        return cls(
            f"A stream writes to a Delta table of the environment or to Kafka, not to '{text}'. {_NOTHING} "
            "Give <schema>.<table> or kafka:SERVERS/TOPIC, or use --way batch."
        )

    @classmethod
    def without_kafka(cls, package: str) -> InferenceError:
        """Name the jars that the running Spark lacks."""
        return cls(
            f"This Spark was started without Kafka's connector. {_NOTHING} "
            f"Start anew with BOATHOUSE_SPARK_PACKAGES={package}; make jars fetches it once with the same variable set."
        )

    @classmethod
    def kafka_failed(cls, topic: str, reason: str) -> InferenceError:
        """Name the topic and the kind of error."""
        return cls(
            f"The answers cannot be sent to Kafka's topic '{topic}' ({reason}). They are in the Delta table; run again "
            "to send what was not sent. Check the servers' addresses and the topic."
        )

    @classmethod
    def stream_input(cls, text: str) -> InferenceError:
        """Say what a stream reads from."""
        return cls(
            f"A stream reads a Delta table of the environment, not '{text}'. {_NOTHING} "
            "Give <schema>.<table>, or use --way batch."
        )
