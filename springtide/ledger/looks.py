"""What earlier looks have left in the ledger, so that the next one knows what is new."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from springtide.ledger.engine import engine, rows_of
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.usage import UsageKind

KeptAmounts = dict[tuple[str, str], dict[datetime, int]]
"""Of each resource and SKU its amount in each hour that is kept."""

_AMOUNTS = """
    SELECT resource, sku, hour, amount FROM read_parquet(?)
    WHERE list_contains(?, kind) AND hour >= ? AND hour < ?
"""
_LOOKED = """
    SELECT region, CAST(hour AS DATE) AS day, sum(stood_s) >= ? FROM read_parquet(?)
    WHERE kind = ? GROUP BY region, day
"""
_DAY_S = 24 * 3600
_MONTH = timedelta(days=31)
_EVER = date(1970, 1, 1), date(9999, 1, 1)


def kept_amounts(
    ledger: UsageLedger, kinds: Collection[UsageKind], begins_at: datetime, ends_at: datetime
) -> KeptAmounts:
    """The hours of those kinds in [begins_at, ends_at), and in the 31 days before them.

    One that nobody has seen for so long is new, as far as anybody knows.
    """
    since = begins_at - _MONTH
    files = [str(path) for path in ledger.files(since.date(), ends_at.date() + timedelta(days=1))]
    found: KeptAmounts = defaultdict(dict)
    if not files:
        return found
    span = [at.astimezone(UTC).replace(tzinfo=None) for at in (since, ends_at)]
    with engine(ledger.folder / "scratch") as connection:
        for resource, sku, hour, amount in rows_of(
            connection, _AMOUNTS, [files, [str(kind) for kind in kinds], *span]
        ):
            found[resource, sku][hour.replace(tzinfo=UTC)] = amount
    return found


def looked_days(ledger: UsageLedger) -> dict[str, dict[date, bool]]:
    """Of each region the days on which it was looked at: whether for all of the day, in UTC."""
    files = [str(path) for path in ledger.files(*_EVER)]
    found: dict[str, dict[date, bool]] = defaultdict(dict)
    if files:
        with engine(ledger.folder / "scratch") as connection:
            given = [_DAY_S, files, str(UsageKind.LOOK)]
            for region, day, whole in rows_of(connection, _LOOKED, given):
                found[region][day] = whole
    return found
