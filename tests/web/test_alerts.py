"""`docs/prometheus-alerts.yaml` and `docs/grafana-dashboard.json` fit the metrics, and the alerts fire."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app.core import metrics
from app.database.tables.delivery_counts import DELIVERY_RESULTS
from app.delivery.repository import Result
from app.main import create_app
from app.services import Services
from app.web import metrics as database_metrics
from tests.support.observe.metrics import scrape
from tests.test_documents import DOCS

ALERTS = DOCS / "prometheus-alerts.yaml"
NEEDS_PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus")
_WORDS_OF_PROMQL = {"le"}  # the label of a histogram's buckets


def alerts() -> list[str]:
    return [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[str]:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def labels_of_metrics() -> dict[str, set[str]]:
    """Return the label names of every metric in the source, by the name in a query without its suffix."""
    found = {}
    for module in (metrics, database_metrics):
        source = Path(str(module.__file__)).read_text()
        for name, rest in re.findall(r'"(passgate_[a-z_]+)",((?:(?!"passgate_).)*)', source, re.DOTALL):
            [*listed] = re.findall(r"^\s*\"[^\"]*\",\s*(?:labels=)?\[([^\]]*)\]", rest)
            found[name] = set(re.findall(r'"(\w+)"', listed[0])) if listed else set()
    return found


@pytest.mark.parametrize("expression", [*alerts(), *panels()])
def test_each_query_uses_metrics_and_labels_that_exist(expression: str) -> None:
    known = labels_of_metrics()
    names = {re.sub("_(total|bucket)$", "", name) for name in re.findall(r"passgate_[a-z_]+", expression)}
    used = set(re.findall(r"(\w+)!?=~?\"", expression))
    for group in re.findall(r"by \(([^)]*)\)", expression):
        used |= set(group.split(", "))

    assert names
    assert names <= known.keys()
    assert used - _WORDS_OF_PROMQL <= set().union(*(known[name] for name in names))


def test_the_dashboard_shows_every_metric() -> None:
    shown = {re.sub("_(total|bucket)$", "", name) for name in re.findall(r"passgate_[a-z_]+", " ".join(panels()))}

    assert shown == labels_of_metrics().keys()


@NEEDS_PROMTOOL
def test_promtool_accepts_the_alerts() -> None:
    done = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@NEEDS_PROMTOOL
def test_the_alerts_fire_at_the_first_event_and_not_before(tmp_path: Path) -> None:
    tests = tmp_path / "alerts.test.yaml"
    tests.write_text((Path(__file__).parent / tests.name).read_text().replace("RULES", str(ALERTS)))
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


async def test_counters_of_alerts_are_reported_before_the_first_event(services: Services) -> None:
    families = text_string_to_metric_families(await scrape(services))
    samples = [sample for family in families for sample in family.samples]

    results = {sample.labels["result"] for sample in samples if sample.name == "passgate_deliveries_total"}
    assert results == set(DELIVERY_RESULTS) == {result.value for result in Result}
    assert "passgate_faults_total" in {sample.name for sample in samples}
    [version] = [sample.labels["version"] for sample in samples if sample.name == "passgate_build_info"]
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version)


async def test_a_fault_is_counted(services: Services) -> None:
    app = create_app(services)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    before = REGISTRY.get_sample_value("passgate_faults_total") or 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        assert (await client.get("/broken")).status_code == 500

    assert REGISTRY.get_sample_value("passgate_faults_total") == before + 1
