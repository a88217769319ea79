"""Every error of Springtide, split by what the caller does about it.

A value that is wrong whatever the state is Misconfigured; one that the state forbids, GuardRefused.
"""


class SpringtideError(Exception):
    """The root: catching it catches all that Springtide raises on purpose."""


class Retryable(SpringtideError):
    """A passing trouble: the same call may succeed later.

    `retry_after_s` is the server's own advice in seconds, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Keep the advice beside the message."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(Retryable):
    """The service takes no more calls just now (429): nothing was done."""


class BalancerBusy(Retryable):
    """The load balancer is in PENDING_UPDATE and takes no change just now (409)."""


class ReplyLost(Retryable):
    """A change was sent and its answer never came, or was a 5xx: it may have been made."""


class SnapshotInDoubt(ReplyLost):
    """A snapshot of a vault was sent, and may come to stand yet."""


class NotFound(SpringtideError):
    """What was asked for does not exist."""


class Damaged(SpringtideError):
    """What is stored is not what was written: `objects` names what, as the store knows it."""

    def __init__(self, message: str, *, objects: tuple[str, ...] = ()) -> None:
        """Keep the names beside the message."""
        super().__init__(message)
        self.objects = objects


class CapacityExhausted(SpringtideError):
    """The cloud has no room: by `kind`, in its `quota`, on its `hosts` or on its `datastores`."""

    def __init__(self, message: str, *, region: str, kind: str) -> None:
        """Keep where and which, so that nobody parses the message."""
        super().__init__(message)
        self.region = region
        self.kind = kind


class GuardRefused(SpringtideError):
    """A guard says no; its reason is the message. Nothing was changed."""


class ChangedMeanwhile(GuardRefused):
    """What was looked at has been changed by somebody since; look again, and decide again."""


class DeadlinePassed(SpringtideError):
    """What was begun did not end in time and may be under way still: look before going on."""


class Misconfigured(SpringtideError):
    """The estate, the credentials or a parameter is wrong. Nothing was changed.

    `field` names it (`fleets.0.flavour`), `allowed` says what would be right, where that is known.
    """

    def __init__(self, message: str, *, field: str = "", allowed: str = "") -> None:
        """Put field, trouble and what is allowed in one line."""
        parts = (
            (f"{field}: " if field else "")
            + message
            + (f" (allowed: {allowed})" if allowed else "")
        )
        super().__init__(parts)
        self.field = field
        self.allowed = allowed
