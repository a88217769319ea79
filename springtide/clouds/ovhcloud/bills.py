"""The provider's bill of a Public Cloud project: of a month that is over, or of the running one.

Source: OVHcloud API, `/cloud/project/{serviceName}/usage/current`, `/usage/history` (bills by their
period) and `/usage/history/{usageId}`, schema `cloud.usage.UsageHistoryDetail`. Read only.
"""

import json
import os
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Self

from ovh import Client
from ovh.exceptions import APIError

from springtide.clouds.ovhcloud.opening import open_client
from springtide.clouds.ovhcloud.translation import translate
from springtide.errors import Misconfigured
from springtide.model.calendar import next_month
from springtide.model.provider_api import BillSource

FIELD = "cost_report.bill_source"


class ProviderBills:
    """The bills of one project."""

    def __init__(self, project: str, client: Client) -> None:
        """Nothing is sent yet."""
        self._client = client
        self._path = f"/cloud/project/{project}/usage"

    @classmethod
    def open(cls, source: BillSource, environment: Mapping[str, str] = os.environ) -> Self:
        """Those that the estate names.

        Raises:
            Misconfigured: a credential is not in the environment, or the endpoint is unknown.
        """
        client = open_client(
            source, timeout_s=source.timeout_s, field=FIELD, environment=environment
        )
        return cls(source.project, client)

    def of_month(self, first: date) -> tuple[str, str] | None:
        """The newest bill of the month that begins on `first`, and its path; None: none yet.

        Raises:
            Misconfigured: what it says is no list of bills.
        """
        listed = self._get(
            "/history", _from=f"{first}T00:00:00Z", to=f"{next_month(first)}T00:00:00Z"
        )
        # Periods begin and end by some zone's midnight: all of them agree on the month's midst.
        midst = first + timedelta(days=14)
        try:
            found = [each for each in listed if _covers(each["period"], midst)]
            newest = max(found, key=lambda each: str(each.get("lastUpdate") or ""), default=None)
            return None if newest is None else self._read(f"/history/{newest['id']}")
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(
                f"{self._path}/history makes no list of bills: {error!r}"
            ) from error

    def running(self) -> tuple[str, str]:
        """What the running month is to be billed so far, and its path."""
        return self._read("/current")

    def _read(self, path: str) -> tuple[str, str]:
        # The client has read numbers as floats; their shortest text is the one that was sent.
        return json.dumps(self._get(path)), f"{self._path}{path}"

    def _get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return self._client.get(f"{self._path}{path}", **query)
        except APIError as error:
            raise translate(error, what="GET usage of the project", changing=False) from error


def _covers(period: Mapping[str, str], day: date) -> bool:
    begins, ends = (datetime.fromisoformat(period[name]).date() for name in ("from", "to"))
    return begins <= day < ends
