"""What a simulation accepts, and months as numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.simulation.draws import first_days, parse_month
from boathouse.simulation.stitching import SimulationOptions


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"entities": 0}, "'entities' is 0; allowed: a whole number from 1 to 100000000"),
        ({"entities": 100_000_001}, "'entities' is 100000001"),
        ({"months": 0}, "'months' is 0"),
        ({"months": 601}, "'months' is 601; allowed: a whole number from 1 to 600"),
        ({"months": 2.5}, "'months' is 2.5"),
        ({"seed": -1}, "'seed' is -1"),
        ({"drift_months": 0}, "'drift_months' is 0"),
        ({"first_id": 0}, "'first_id' is 0"),
        ({"file_format": "xls"}, "'format' is 'xls'; allowed: csv, parquet"),
        ({"last_month": "2005-13"}, "'last_month' is '2005-13'; allowed: a month written YYYY-MM"),
        ({"last_month": "1899-12"}, "'last_month' is '1899-12'"),
    ],
)
def test_what_is_out_of_range_is_named_with_what_is_allowed(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        SimulationOptions(**{"entities": 1, "months": 1, **changed})


def test_months_are_numbers_that_can_be_added() -> None:
    assert parse_month("m", "2005-01") - parse_month("m", "2004-12") == 1
    days = first_days(parse_month("m", "2004-03"), 4)
    found = [date.fromordinal(int(day) + date(1970, 1, 1).toordinal()) for day in days]
    assert found == [date(2003, 12, 1), date(2004, 1, 1), date(2004, 2, 1), date(2004, 3, 1)]
    assert days.dtype == np.int32
