"""The alert rules, tried by Prometheus' own tool: each fires after its time, and not before."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deployments.deploy import ROOT

RULES = ROOT / "deployments" / "monitoring" / "alerts.yaml"
CASES = Path(__file__).parent / "monitoring" / "alerts.test.yaml"
pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    "command",
    [("check", "rules", RULES.name), ("test", "rules", CASES.name)],
    ids=["they are rules", "they fire when they should"],
)
def test_the_rules_are_right(command: tuple[str, ...]) -> None:
    """`promtool` comes with Debian's Prometheus; no Prometheus is started."""
    folder = RULES.parent if command[0] == "check" else CASES.parent
    promtool = shutil.which("promtool") or "promtool"
    tried = subprocess.run(
        [promtool, *command], cwd=folder, capture_output=True, check=False, text=True
    )
    assert 0 == tried.returncode, tried.stdout + tried.stderr


def test_every_rule_is_tried_silent_and_firing() -> None:
    """A rule that nobody has seen fire may never do so."""
    cases = CASES.read_text("utf-8")
    alerts = {
        line.split("alert: ")[1]
        for line in RULES.read_text("utf-8").splitlines()
        if "- alert: " in line
    }
    assert alerts
    silent = {name for name in alerts if f"alertname: {name}, exp_alerts: []" in cases}
    firing = {name for name in alerts if f"alertname: {name}\n" in cases}
    assert (alerts, alerts) == (silent, firing)
