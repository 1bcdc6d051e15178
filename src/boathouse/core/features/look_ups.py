"""Look-ups that were answered online, and whether the offline tables say the same for that time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.features.point_in_time import join_point_in_time
from boathouse.tables import Column, TableContract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.core.features.feature_view import FeatureView

LOOK_UPS = TableContract(
    name="inference.feature_look_ups",
    description="What the online store answered, to be compared with what the offline tables say.",
    grain="One row per look-up, view and key.",
    columns=(
        Column(name="look_up_id", dtype="string", description="One request and key."),
        Column(name="asked_at", dtype="timestamp", description="When it was asked, in UTC."),
        Column(name="view", dtype="string", description="The view, with its version from the second on."),
        Column(name="digest", dtype="string", description="Definition of the view that was live."),
        Column(name="key_values", dtype="array<string>", description="Values of the view's keys, as text."),
        Column(
            name="observed_at",
            dtype="timestamp",
            description="Time of the values; null if the key was unknown.",
            nullable=True,
        ),
        Column(name="values", dtype="array<double>", description="Features in the view's order; null is unknown."),
    ),
    keys=("look_up_id", "view"),
)


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How the answers of one view compare.

    Attributes:
        view: The view's label.
        look_ups: Answers compared.
        equal: Those in which every feature has the same bits (a zero's sign aside).
        older_online: Those that differ and are of an earlier date than what was known offline: published late.
        other_definition: Answers by a definition that is no longer declared; not compared.
    """

    view: str
    look_ups: int
    equal: int
    older_online: int
    other_definition: int

    @property
    def share(self) -> float:
        """Share of equal answers, 0 to 1; 1 without any."""
        return self.equal / self.look_ups if self.look_ups else 1.0


def compare_look_ups(view: FeatureView, table: DataFrame, look_ups: DataFrame) -> Consistency:
    """Return how the logged answers of ``view`` compare with its table, recomputed for the time of each.

    Args:
        view: The view.
        table: Its offline table.
        look_ups: ``inference.feature_look_ups``; rows of other views are ignored.
    """
    own = look_ups.where(F.col("view") == view.label)
    known = own.where(F.col("digest") == view.digest)
    others = own.where(F.col("digest") != view.digest).count()
    keys = [F.col("key_values")[place].cast(dtype).alias(name) for place, (name, dtype) in enumerate(view.keys)]
    spine = known.select(
        *keys, F.col("asked_at").cast("date").alias("__asked"), F.col("values").alias("__values"), "observed_at"
    )
    joined = join_point_in_time(spine, [(view, table)], spine_time="__asked", keep_times=True)
    offline = f"{view.name}_{view.time_column}"
    same = reduce(
        and_,
        [F.col("__values")[place].eqNullSafe(F.col(name)) for place, name in enumerate(view.feature_names)],
    )
    seen = F.coalesce(F.col("observed_at").cast("date"), F.lit("0001-01-01").cast("date"))
    older = ~same & (seen < F.col(offline))
    counts = joined.agg(
        F.count(F.lit(1)).alias("all"),
        F.count(F.when(same, 1)).alias("equal"),
        F.count(F.when(older, 1)).alias("older"),
    ).collect()[0]
    return Consistency(
        view=view.label,
        look_ups=counts["all"],
        equal=counts["equal"],
        older_online=counts["older"],
        other_definition=others,
    )
