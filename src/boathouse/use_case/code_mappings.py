"""What the codes of the source mean: one mapping from code to name for each coded column."""

from __future__ import annotations

UNDOCUMENTED = "undocumented"
# UCI documents 1 and 2; the delivered extract has 0 and 1, with 11,888 men and 18,112 women as in the source.
SEX = {0: "man", 1: "woman"}
# 0, 5 and 6 occur in the source and are explained nowhere.
EDUCATION = {
    1: "graduate_school",
    2: "university",
    3: "high_school",
    4: "other",
    0: UNDOCUMENTED,
    5: UNDOCUMENTED,
    6: UNDOCUMENTED,
}
MARRIAGE = {1: "married", 2: "single", 3: "other", 0: UNDOCUMENTED}
USAGE = ("no_use", "paid_in_full", "revolving", "late")
