"""What a load balancer tells of the traffic that it passes.

Octavia sums over the balancer's listeners, as its amphorae last reported: some ten seconds ago.
Providers whose balancers report nothing (OVN) answer with zeros.

Source: OpenStack Load Balancer API v2, "Get Load Balancer statistics".
"""

from pydantic import ValidationError

from springtide.clouds.openstack.service import Service
from springtide.errors import Retryable
from springtide.model.traffic import BalancerStatistics

_COUNTS = tuple(BalancerStatistics.model_fields)


def read_statistics(balancer: Service, balancer_id: str) -> BalancerStatistics:
    """The statistics of one load balancer.

    Raises:
        Retryable: it does not answer, or its counts make no sense.
    """
    path = f"/lbaas/loadbalancers/{balancer_id}/stats"
    told = balancer.get(path).get("stats")
    try:
        # Strictly, for `true` or "12" were no counts; and of what else it tells nothing is read.
        counts = {name: told[name] for name in _COUNTS} if isinstance(told, dict) else told
        return BalancerStatistics.model_validate(counts, strict=True)
    except KeyError as error:
        raise Retryable(f"{path}: tells no {error.args[0]}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in wrong["loc"]) or "stats"
        raise Retryable(f"{path}: {field} is {str(wrong['input'])[:50]!r}") from error
