"""How a stream runs, as read from ``params:stream_inference.stream``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from boathouse.core.errors import OptionError
from boathouse.core.options import require_between, require_choice, require_whole

TRIGGERS = ("available_now", "continuous")


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """When a stream reads, how much at once, and how long it waits for late requests.

    Attributes:
        name: Names the stream in the targets' logs; another name begins anew. Letters, digits, dash, underscore.
        post_statements: Whether a run first posts a request for each statement of the newest cohort, as the worked
            example does; off where other systems fill the table of requests.
        delay_s: A request made more than so many seconds before the newest of all earlier batches is late; 0 to a
            year.
        reason_count: Reasons given with each adverse decision; 0 to 20.
        trigger: ``available_now`` answers what is there and ends; ``continuous`` goes on.
        interval_s: With continuous: seconds from one look at the source to the next; 0.1 to 86,400.
        stop_when_idle_s: With continuous: end after so many seconds without new rows; 0 goes on for ever.
        most_versions: Versions (sail) read at once; 1 to 1,000. Elsewhere the same number of files a batch.
    """

    name: str
    post_statements: bool
    delay_s: float
    reason_count: int
    trigger: str
    interval_s: float
    stop_when_idle_s: float
    most_versions: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(self.name)):
            raise OptionError.out_of_range("name", self.name, "1 to 64 letters, digits, dashes and underscores")
        if not isinstance(self.post_statements, bool):
            raise OptionError.out_of_range("post_statements", self.post_statements, "true or false")
        require_between("delay_s", self.delay_s, 0, 366 * 86_400)
        require_whole("reason_count", self.reason_count, 0, 20)
        require_choice("trigger", self.trigger, TRIGGERS)
        require_between("interval_s", self.interval_s, 0.1, 86_400)
        require_between("stop_when_idle_s", self.stop_when_idle_s, 0, 86_400_000)
        require_whole("most_versions", self.most_versions, 1, 1_000)
