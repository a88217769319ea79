"""What a database cluster's own manager has to offer, so that its changes can be guarded.

Patroni is the one that there is (`springtide.clouds.patroni`). Another one, such as SQL Server's
availability groups or Galera, can be written against this; what it must promise:

- **A view is the member's own word**, asked of the member itself at the moment of asking. What a
  cluster's register says of a member may be seconds old, and those are the seconds that matter.
- **A member that does not answer is told as such**, with the reason; no look raises for it.
- **A log position is comparable** between the members of one cluster, in bytes: received and
  replayed apart. A manager whose positions are of another kind translates them, or tells none: a
  lag that is not known refuses every change.
- **A change names what it assumes**: the leader that is to hand over, the role that is restarted.
  Where that is no longer so, nothing happens and `GuardRefused` says so. So whatever is repeated
  after a lost reply has its effect once.
- **A change is refused by the cluster itself** where acknowledged writes could be lost by it: to a
  member that is behind, or that the primary does not wait for. Our guards come on top of that.
- **A return is no proof.** A call returns when the manager has answered, later than its own
  time-outs; whoever called looks again and decides by what the members say.
- **Failures heal without us.** A failover is the manager's; nothing here begins or hinders one.
"""

from typing import Protocol

from springtide.model.cluster_view import ClusterSettings, LeaderChange, MemberView


class ClusterManager(Protocol):
    """One cluster, by way of its manager."""

    async def members(self) -> tuple[MemberView, ...]:
        """The members in the estate's order, each by its own word, the primary's position first."""
        ...

    async def settings(self) -> ClusterSettings:
        """What the members have agreed on.

        Raises:
            Retryable: no member tells.
        """
        ...

    async def scheduled_switchover(self) -> str | None:
        """For when a switchover is scheduled; None where none is.

        Raises:
            Retryable: no member tells.
        """
        ...

    async def leader_changes(self) -> tuple[LeaderChange, ...]:
        """The changes of leader that the cluster remembers, oldest first.

        Raises:
            Retryable: no member tells.
        """
        ...

    async def switch_over(self, leader: str, candidate: str, *, why: str) -> str:
        """Have the candidate lead instead of the leader; what the manager answered.

        Raises:
            GuardRefused: the cluster refuses, or the leader is another one by now.
            ReplyLost: it may have happened.
            Misconfigured: the credentials are refused.
        """
        ...

    async def restart(self, member: str, role: str, *, why: str) -> str:
        """Restart the member's database if it has that role; what the manager answered.

        Raises:
            As `switch_over`.
        """
        ...

    async def reinitialise(self, member: str, *, why: str) -> str:
        """Begin to copy the replica anew from the primary; what the manager answered.

        Raises:
            As `switch_over`; GuardRefused: it leads.
        """
        ...
