"""What the provider answers of a project's usage: the shape of its schemas, figures of our own."""

from typing import Any

PROJECT = "0123456789abcdef0123456789abcdef"
USAGE = f"/cloud/project/{PROJECT}/usage"


def period(month: int, year: int = 2024) -> dict[str, str]:
    """A calendar month as the provider tells it."""
    after = f"{year + month // 12}-{month % 12 + 1:02}"
    return {"from": f"{year}-{month:02}-01T00:00:00+00:00", "to": f"{after}-01T00:00:00+00:00"}


def listed(id_: str, month: int, updated: str = "2024-12-02T04:00:00+00:00") -> dict[str, Any]:
    """An entry of `usage/history`."""
    return {"id": id_, "period": period(month), "lastUpdate": updated}


def usage(month: int, hours: int = 6, price: float = 3.06) -> dict[str, Any]:
    """One instance's month, as `usage/current` and `usage/history/{id}` tell it."""
    detail = {"instanceId": "i-1", "quantity": {"unit": "Hour", "value": hours}}
    instance = {
        "reference": "win-b2-60.consumption",
        "region": "GRA11",
        "quantity": detail["quantity"],
        "totalPrice": price,
        "details": [detail | {"totalPrice": price}],
    }
    hourly = {"instance": [instance], "volume": [], "snapshot": [], "storage": []}
    return {
        "period": period(month),
        "lastUpdate": "2024-12-02T04:00:00+00:00",
        "hourlyUsage": hourly | {"instanceBandwidth": []},
        "monthlyUsage": {"instance": []},
        "resourcesUsage": [],
    }
