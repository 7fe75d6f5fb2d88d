"""The metrics page lists what is exported, with the same help."""

from pathlib import Path

from bridge.outputs.metrics import Metrics
from tests.bridge.outputs.script import Script

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_lists_every_metric_with_its_labels_and_help() -> None:
    script = Script()
    metrics = Metrics(lambda: script.blotter, asset_class=str, mode="paper", version="0")
    expected = [
        f"| `{family.name}{'_total' if family.kind == 'counter' else ''}` | {family.kind} "
        f"| {', '.join(family.labels) or '–'} | {family.about} |"
        for family in metrics.families
    ]
    assert [line for line in PAGE.read_text().splitlines() if line.startswith("| `bridge_")] == expected
