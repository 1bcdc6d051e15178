"""Whether a canary may go on: judged from what it and the others did in the same time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from boathouse.endpoints.experiments.statistics import newcombe_interval, wilson_interval

if TYPE_CHECKING:
    from boathouse.endpoints.options import SplitOptions


Verdict = Literal["good", "open", "bad"]
Outcome = Literal["advance", "wait", "roll_back", "done"]

# Two-sided; a bad version that is only just bad is caught a little later, a good one is rarely thrown out.
CONFIDENCE = 0.99
# Fewer requests prove nothing, whatever they did.
_FEWEST = 10
# The log keeps whole milliseconds: below this, twice as slow is noise.
_LATENCY_FLOOR_MS = 5.0


@dataclass(frozen=True, kw_only=True)
class Window:
    """What one side of a canary did.

    Attributes:
        requests: Requests it answered or failed to.
        failed: Those with a status of 500 or more, or an answer that cannot be read.
        rejected: Those that it refused as wrong (400, 422): a version that wants other columns does so.
        durations_ms: Milliseconds of each answered request.
        scores: Scores of all records, without those that are not numbers.
    """

    requests: int = 0
    failed: int = 0
    rejected: int = 0
    durations_ms: np.ndarray = field(default_factory=lambda: np.empty(0))
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was compared.

    Attributes:
        name: ``errors``, ``refusals``, ``latency`` or ``scores``.
        verdict: ``good``; ``open``: beyond the limit, but not surely; ``bad``: surely beyond it.
        measured: Of the candidate; a rate, a ratio or a distance.
        low: What it is at least, with 99 % confidence.
        limit: What it may be.
        text: The same as a sentence.
    """

    name: str
    verdict: Verdict
    measured: float
    low: float
    limit: float
    text: str

    def to_evidence(self) -> dict[str, Any]:
        """Return plain values for the trail."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class CanaryDecision:
    """What to do now, and why.

    Attributes:
        outcome: ``advance`` to the next step, ``done`` after the last, ``wait`` or ``roll_back``.
        reason: In one sentence.
        checks: What was compared.
    """

    outcome: Outcome
    reason: str
    checks: tuple[Check, ...]


def judge_canary(
    candidate: Window, others: Window, options: SplitOptions, *, seconds: float, is_last: bool
) -> CanaryDecision:
    """Return whether the candidate advances.

    It is rolled back as soon as one check is surely beyond its limit, however young the step is; it
    advances when every check is within, it has had its requests and the step its time. What is beyond a
    limit without being sure keeps it waiting. A rolling replacement is judged by errors and refusals alone.

    Args:
        candidate: What the candidate did since the step began.
        others: What the others did in the same time; if the candidate has all traffic, in the step before.
        options: Limits, requests and seconds of a step.
        seconds: Since the step began.
        is_last: Whether there is no step after this one.
    """
    checks = [
        _check_errors(candidate, others, options.max_error_rate),
        _check_refusals(candidate, others, options.max_error_rate),
    ]
    if options.kind != "rolling":
        checks.append(_check_latency(candidate, others, options.max_latency_ratio))
        checks.append(_check_scores(candidate, others, options.max_score_shift))
    bad = [check.text for check in checks if check.verdict == "bad"]
    still_open = [check.text for check in checks if check.verdict == "open"]
    if bad:
        return CanaryDecision(outcome="roll_back", reason="; ".join(bad), checks=tuple(checks))
    if candidate.requests < options.min_requests:
        reason = f"{candidate.requests} of {options.min_requests} requests so far"
    elif seconds < options.step_seconds:
        reason = f"{seconds:.0f} of {options.step_seconds:.0f} seconds so far"
    elif still_open:
        reason = f"not sure yet: {'; '.join(still_open)}"
    else:
        return CanaryDecision(
            outcome="done" if is_last else "advance", reason="every check is within", checks=tuple(checks)
        )
    return CanaryDecision(outcome="wait", reason=reason, checks=tuple(checks))


def _check_errors(candidate: Window, others: Window, limit: float) -> Check:
    """Judge the share of failed requests; what fails on both sides alike is not the candidate's doing."""
    low, _ = wilson_interval(candidate.failed, candidate.requests, CONFIDENCE)
    excess, _ = newcombe_interval((others.failed, others.requests), (candidate.failed, candidate.requests), CONFIDENCE)
    rate = candidate.failed / max(candidate.requests, 1)
    alone = others.requests < _FEWEST
    is_bad = candidate.requests >= _FEWEST and low > limit and (alone or excess > 0)
    return Check(
        name="errors",
        verdict=_grade(is_bad=is_bad, is_beyond=rate > limit),
        measured=rate,
        low=low,
        limit=limit,
        text=f"{candidate.failed} of {candidate.requests} requests failed ({rate:.2%}, limit {limit:.2%}), "
        f"of the others {others.failed} of {others.requests}",
    )


def _check_refusals(candidate: Window, others: Window, limit: float) -> Check:
    """Judge how many more requests the candidate refuses than the others: what clients do wrong, both see."""
    excess = candidate.rejected / max(candidate.requests, 1) - others.rejected / max(others.requests, 1)
    low, _ = newcombe_interval((others.rejected, others.requests), (candidate.rejected, candidate.requests), CONFIDENCE)
    enough = min(candidate.requests, others.requests) >= _FEWEST
    return Check(
        name="refusals",
        verdict=_grade(is_bad=enough and low > limit, is_beyond=enough and excess > limit),
        measured=excess if enough else 0.0,
        low=low,
        limit=limit,
        text=f"{candidate.rejected} of {candidate.requests} requests were refused, "
        f"of the others {others.rejected} of {others.requests}",
    )


def _check_latency(candidate: Window, others: Window, limit: float) -> Check:
    """Judge the ratio of the medians; sure when the intervals of both medians are that far apart."""
    if min(len(candidate.durations_ms), len(others.durations_ms)) < _FEWEST:
        return _nothing_to_compare("latency", limit)
    mine, theirs = (np.maximum(each.durations_ms, _LATENCY_FLOOR_MS) for each in (candidate, others))
    ratio = float(np.median(mine) / np.median(theirs))
    low = median_interval(mine)[0] / median_interval(theirs)[1]
    return Check(
        name="latency",
        verdict=_grade(is_bad=low > limit, is_beyond=ratio > limit),
        measured=ratio,
        low=low,
        limit=limit,
        text=f"the median takes {np.median(candidate.durations_ms):.0f} ms, that of the others "
        f"{np.median(others.durations_ms):.0f} ms (ratio {ratio:.2f}, limit {limit:g})",
    )


def _check_scores(candidate: Window, others: Window, limit: float) -> Check:
    """Judge the distance of the scores' distributions; sure when chance does not explain what is beyond."""
    if min(len(candidate.scores), len(others.scores)) < _FEWEST:
        return _nothing_to_compare("scores", limit)
    distance = kolmogorov_distance(candidate.scores, others.scores)
    chance = chance_distance(len(candidate.scores), len(others.scores))
    low = distance - chance
    return Check(
        name="scores",
        # Of so few that chance alone goes beyond the limit, only what is sure counts.
        verdict=_grade(is_bad=low > limit, is_beyond=distance > limit > chance),
        measured=distance,
        low=max(low, 0.0),
        limit=limit,
        text=f"scores are {distance:.3f} apart (limit {limit:g}); mean {np.mean(candidate.scores):.4f}, "
        f"of the others {np.mean(others.scores):.4f}",
    )


def median_interval(values: np.ndarray, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return an interval of the median from order statistics, whatever the distribution.

    The number of values below the median is binomial with one half; its normal approximation gives the
    ranks. Source: Conover (1999), Practical Nonparametric Statistics, section 3.2.
    """
    from scipy.special import ndtri

    ranked, count = np.sort(values), len(values)
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(count) / 2
    low, high = math.floor(count / 2 - half), math.ceil(count / 2 + half)
    return float(ranked[max(low, 0)]), float(ranked[min(high, count - 1)])


def kolmogorov_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest distance of the two empirical distributions; 0: the same, 1: no overlap."""
    points = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(each), points, side="right") / len(each) for each in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def chance_distance(first: int, second: int, confidence: float = CONFIDENCE) -> float:
    """Return the distance that two samples of one distribution stay below with ``confidence``.

    Asymptotic: sqrt(-ln(alpha / 2) / 2) * sqrt((n + m) / (n m)). Source: Smirnov (1948), Annals of
    Mathematical Statistics 19:279-281.
    """
    return math.sqrt(-math.log((1 - confidence) / 2) / 2) * math.sqrt((first + second) / (first * second))


def _grade(*, is_bad: bool, is_beyond: bool) -> Verdict:
    return "bad" if is_bad else "open" if is_beyond else "good"


def _nothing_to_compare(name: str, limit: float) -> Check:
    return Check(name=name, verdict="good", measured=0.0, low=0.0, limit=limit, text=f"{name}: nothing to compare with")
