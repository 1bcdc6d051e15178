"""Every report, built from one text that stands wherever a report shows a value that is not its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boathouse.evaluation.behaviour import BehaviourResult
from boathouse.evaluation.comparison import ALL, Estimate, Slice, SliceComparison
from boathouse.evaluation.fairness import GroupFairness, GroupRates
from boathouse.evaluation.model_card import CardWords, write_model_card
from boathouse.evaluation.report import ComparedModel, EvaluationReport, Reference, Subject
from boathouse.features.feature_view import FeatureView, Source
from boathouse.features.registry import write_dictionary
from boathouse.lifecycle.decision import Decided, PromotionDecision
from boathouse.lifecycle.decision_card import write_decision_card
from boathouse.lifecycle.gates import Gate
from boathouse.lineage.findings import Finding
from boathouse.lineage.governance_report import build_page
from boathouse.modelling.metrics import CalibrationBin
from boathouse.modelling.task import BINARY
from boathouse.monitoring.report import render_report
from boathouse.reports.page import Page
from boathouse.reports.rendering import render_markdown
from boathouse.scoring.feature_spec import Feature
from boathouse.scoring.on_demand import OnDemandFeature, RequestField
from tests.fixtures.lineage_facts import make_facts
from tests.fixtures.model_history import STORY, event, make_history
from tests.fixtures.monitoring_history import make_history as make_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

SOME = Estimate(0.8, 0.7, 0.9)


def _report(value: str) -> EvaluationReport:
    subject = Subject(name=value, version=value, algorithm=value, threshold=0.25, digest=value)
    metrics = dict.fromkeys(BINARY.words.metrics, SOME)
    sliced = SliceComparison(
        key=value, value=value, rows=1_000, ours=dict.fromkeys(BINARY.words.metrics, 0.8), theirs={}, difference=metrics
    )
    compared = ComparedModel(
        subject=subject, metrics=metrics, difference=metrics, slices=[replace(sliced, key=ALL), sliced]
    )
    group = GroupRates(value, 10, 0.5, 0.5, 0.5, 0.5, judged=False)
    behaviour = BehaviourResult(
        name=value, says=value, rule="low", cases=10, failing=2, worst=0.4, bound=0.1, max_failing_share=0.1
    )
    return EvaluationReport(
        rule=value,
        references=[
            Reference(name=name, cost=0.5, difference=Estimate(-0.2, -0.3, -0.1)) for name in ("nothing", "everything")
        ],
        acted=1.0,
        subject=subject,
        rows=2_000,
        period=(value, value),
        confidence=0.95,
        metrics=metrics,
        baseline=compared,
        champion=replace(compared, slices=()),
        slices=[Slice(value, value, 1_000, 0.2, 0.21, {"roc_auc": float("nan"), "brier_score": 0.1})],
        fairness=[GroupFairness(value, (group, replace(group, judged=True)), 0.1, 0.2)],
        calibration=[CalibrationBin(100, 0.2, 0.21)],
        importance={value: 1.0},
        behaviour=[behaviour, replace(behaviour, failing=0, max_failing_share=0.0)],
    )


def model_card(value: str) -> str:
    """Return the model card."""
    return write_model_card(_report(value), CardWords(entity=value, entities=value, currency=value))


def decision_card(value: str) -> str:
    """Return the decision card with a gate of each answer."""
    gate = Gate(name="minimum_roc_auc", mode="enforce", passed=True, value=0.8, limit=0.7, message=value)
    refused, warned = replace(gate, passed=False), replace(gate, passed=False, mode="warn")
    decision = PromotionDecision(
        model=value,
        candidate=value,
        champion=value,
        outcome="rejected",
        reason=value,
        gates=(gate, warned, refused),
        decided=Decided(datetime(2005, 10, 1, tzinfo=UTC), value),
    )
    return write_decision_card(decision, _report(value))


def monitoring(value: str) -> str:
    """Return the monitoring report with every section."""
    return render_report(make_monitoring(windows=4, columns=5, name=value), task=BINARY)


def _governance_page(value: str) -> Page:
    gate = {"name": value, "mode": value, "passed": False, "value": 0.1, "limit": 0.2, "message": value}
    story = (
        *STORY[:1],
        event(1, "checked", value, {"outcome": "rejected", "champion": value, "gates": [gate]}, comment=value),
        event(2, "requested", value, {"to": "production"}, comment=value),
    )
    facts = make_facts(stage=value, algorithm=value, training_window=value, model_digest=value, source=value)
    model = replace(make_history(story, facts=facts, aliases={value: value}), name=value)
    return build_page(model, [Finding(severity="error", kind="alias_differs", version=value, message=value)])


def governance_html(value: str) -> str:
    """Return the governance report as HTML."""
    return _governance_page(value).to_html()


def governance_markdown(value: str) -> str:
    """Return the governance report as Markdown."""
    return _governance_page(value).to_markdown()


def feature_dictionary(value: str) -> str:
    """Return the dictionary of one view and one feature of the moment."""
    view = FeatureView(
        name=value,
        keys=(("key", "bigint"),),
        time_column="at",
        owner=value,
        description=value,
        sources=(Source(table=value, columns=("key", value)), Source(table=value, columns=("key", value))),
        features=(Feature(name="late", description=value, unit=value, reason=value),),
        compute=model_card,
        max_age_days=30,
        tags=((value, value),),
        reads={"late": (f"{value}.{value}",)},
    )
    fields = (
        RequestField(name=value, description=value, unit=value),
        RequestField(name=value, description=value, unit=value, default=0.5),
    )
    moment = OnDemandFeature(
        name=value, description=value, unit=value, reason=value, stored=(value,), request=fields, compute=len
    )
    return write_dictionary([view], [moment])


def edge_readme(value: str) -> str:
    """Return the page that an exported model has beside it."""
    return render_markdown(
        "edge_readme.md.j2", name=value, version=value, features=(value, value), label=value, threshold="0.25"
    )


MARKDOWN: dict[str, Callable[[str], str]] = {
    "model_card.md.j2": model_card,
    "decision_card.md.j2": decision_card,
    "feature_dictionary.md.j2": feature_dictionary,
    "edge_readme.md.j2": edge_readme,
    "page.md.j2": governance_markdown,
}
# By their names: both come from one template.
HTML: dict[str, Callable[[str], str]] = {"monitoring": monitoring, "governance": governance_html}
