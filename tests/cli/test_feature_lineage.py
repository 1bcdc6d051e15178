"""Whom a change reaches: views, on-demand features, models, and the endpoints that serve them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli
from boathouse.features.usage import EndpointUse, ModelUse, read_endpoints
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF = Path(__file__).resolve().parents[2] / "conf"
MODEL = "test.models.missed_payment"
DIGESTS = {view.name: view.digest for view in USE_CASE.views}
ENDPOINTS = """
missed_payment:
  config:
    served_entities:
      - {name: champion, entity_name: "${globals:environment}.models.missed_payment", entity_version: null}
      - {name: trial, entity_name: "${globals:environment}.models.missed_payment", entity_version: 2}
    traffic_config:
      routes:
        - {served_entity_name: champion, traffic_percentage: 90}
        - {served_entity_name: trial, traffic_percentage: 10}
  boathouse:
    follow: {champion: champion}
"""


def use(version: str, *aliases: str, **changed: str) -> ModelUse:
    """Return a version that looks up all views, some in another definition."""
    views = ",".join(f"{name}@1={digest}" for name, digest in {**DIGESTS, **changed}.items())
    return ModelUse(model=MODEL, version=version, aliases=aliases, views=views)


@pytest.fixture(autouse=True)
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a configuration with an endpoint, of a registry with three versions."""
    copy = tmp_path / "conf"
    shutil.copytree(CONF, copy, ignore=shutil.ignore_patterns("endpoints*"))
    (copy / "base" / "serving").mkdir(exist_ok=True)
    (copy / "base" / "serving" / "endpoints.yml").write_text(ENDPOINTS, encoding="utf-8")
    uses = [use("3", "champion"), use("2", "challenger", spending="0" * 16), use("1")]
    monkeypatch.setattr("boathouse.cli.features.model_uses", lambda _: uses)
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return copy


def invoke(conf: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["features", *words, "--env", "test", "--conf-source", str(conf)])


def test_the_impact_of_a_column_reaches_the_endpoints(conf: Path) -> None:
    shown = invoke(conf, "impact", "clean.customers.limit_bal").output.splitlines()
    assert [line.split(":")[0] for line in shown[:2]] == ["features.customer_profile", "features.spending"]
    assert shown[-4:] == [
        "on demand: utilisation_after_request",
        f"{MODEL} version 3 (champion); batch scoring; endpoint missed_payment (champion, 90 % of the requests)",
        f"{MODEL} version 2 (challenger); endpoint missed_payment (trial, 10 % of the requests)",
        f"{MODEL} version 1",
    ]


def take(monkeypatch: pytest.MonkeyPatch, **inputs: tuple[str, ...]) -> None:
    """Let the versions, ``v3`` and so on, take these features alone."""
    uses = [
        replace(use(name[1:], *(["champion"] if name == "v3" else [])), inputs=taken) for name, taken in inputs.items()
    ]
    monkeypatch.setattr("boathouse.cli.features.model_uses", lambda _: uses)


def test_the_impact_of_a_column_is_that_of_its_features_and_of_the_models_that_take_them(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, v3=("limit_bal", "months_late"), v2=("age",), v1=("utilisation_after_request",))
    assert invoke(conf, "impact", "clean.customers.age").output.splitlines() == [
        "features.customer_profile: age",
        f"{MODEL} version 2; endpoint missed_payment (trial, 10 % of the requests)",
    ]
    shown = invoke(conf, "impact", "clean.customers.education").output.splitlines()
    assert shown == ["features.customer_profile: education_level", "no model registered in test uses them"]
    shown = invoke(conf, "impact", "clean.statements.bill_amt").output
    assert "features.spending: bill_amt, utilisation, utilisation_mean_3m" in shown
    assert "pay_amt" not in shown
    # Through the feature on demand, which is computed from the bill.
    assert f"{MODEL} version 1\n" in shown
    assert f"{MODEL} version 3" not in shown
    # A date is read by all: it decides which row is known.
    assert invoke(conf, "impact", "clean.statements.statement_date").output.count("version") == 3


def test_lineage_and_description_are_of_the_feature_and_not_of_its_view(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, v3=("limit_bal",), v2=("age",), v1=("utilisation_after_request",))
    lineage = invoke(conf, "lineage", "age").output
    assert "  from clean.customers: customer_id, age\n" in lineage
    assert f"used by {MODEL} version 2" in lineage
    assert "version 3" not in lineage
    described = invoke(conf, "describe", "age").output
    assert f"used by {MODEL} version 2" in described
    assert f"not taken by {MODEL} version 3 (champion), which looks up other features of customer_profile" in described
    computed = invoke(conf, "describe", "utilisation_after_request").output
    assert f"used by {MODEL} version 1" in computed
    assert "version 2" not in computed


def test_the_lineage_of_a_feature_goes_both_ways(conf: Path) -> None:
    shown = invoke(conf, "lineage", "bill_amt").output
    assert "  from clean.statements: customer_id, statement_date, bill_amt\n" in shown
    assert f"used by {MODEL} version 3 (champion); endpoint missed_payment (champion, 90 %" in shown
    assert f"version 2 (challenger), in another definition {'0' * 16}; endpoint missed_payment (trial" in shown
    assert "computed on demand from it: utilisation_after_request" in shown


def test_the_lineage_of_an_on_demand_feature_is_that_of_what_it_is_computed_from(conf: Path) -> None:
    shown = invoke(conf, "lineage", "utilisation_after_request").output
    assert "on demand, from bill_amt, limit_bal and the request's requested_amount [NT$]" in shown
    assert "features.customer_profile (version 1" in shown
    assert "  from clean.customers: customer_id, limit_bal" in shown


def test_describe_tells_who_uses_it_in_this_definition(conf: Path) -> None:
    shown = invoke(conf, "describe", "spending").output
    assert f"used by {MODEL} version 3 (champion); endpoint missed_payment (champion" in shown
    assert f"used by {MODEL} version 1\n" in shown
    assert f"{MODEL} version 2" not in shown
    assert "in test: never computed" in shown
    computed = invoke(conf, "describe", "utilisation_after_request").output
    assert "on demand, from bill_amt, limit_bal and the request's requested_amount" in computed
    assert f"used by {MODEL} version 3" in computed
    assert f"{MODEL} version 2" not in computed


def test_without_endpoints_there_are_none(conf: Path) -> None:
    (conf / "base" / "serving" / "endpoints.yml").unlink()
    shown = invoke(conf, "impact", "clean.statements").output
    assert "endpoint" not in shown
    assert f"{MODEL} version 3 (champion); batch scoring\n" in shown


def test_what_is_no_endpoint_is_left_out() -> None:
    assert read_endpoints({"a": None, "b": {"config": {"served_entities": [{"name": "x"}]}}, "c": {}}) == ()
    (found,) = read_endpoints({"d": {"config": {"served_entities": [{"name": "x", "entity_name": "m"}]}}})
    assert found == EndpointUse(endpoint="d", entity="x", model="m", version=None, alias=None, share=0.0)
    # It neither follows nor is pinned: no version answers there.
    assert not found.serves(ModelUse(model="m", version="1", aliases=("champion",), views=""))
