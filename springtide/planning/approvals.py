"""Approvals: the line that people sign, and whether what they signed approves this very plan.

As an operator reads it: a plan is shown with one line of text that names its hash and the time
until which it may be approved. Whoever approves signs that line with their SSH key, by the command
that is shown, and puts line and signature into the form. Another plan's line, a line that is over
or claims more time than the estate gives, a person or a key that signs twice where two are asked
for: each is refused, and the message says why.

Example: `springtide-approval-v1 resize-database-cluster school plan=5e88… until=…`
is signed by the one on call at 15:20; at 15:30 a member is found at another size: the plan is now
another one, so nothing is done and a new approval is asked for.
"""

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from springtide.errors import GuardRefused
from springtide.model.approval import NAMESPACE, ApprovalPolicy, Proposal, Signer
from springtide.model.base import Moment
from springtide.planning.telling import Row

_STATEMENT = re.compile(
    r"springtide-approval-v1 (?P<act>[a-z0-9-]+ \S+) plan=(?P<digest>[0-9a-f]{64})"
    r" until=(?P<until>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def statement_of(proposal: Proposal, policy: ApprovalPolicy, now: Moment) -> str:
    """The line that approves the proposal, from now on for as long as the policy gives."""
    until = (now + timedelta(minutes=policy.minutes)).astimezone(UTC)
    plan = f"plan={proposal.digest} until={until.strftime(_TIME)}"
    return f"springtide-approval-v1 {_act(proposal)} {plan}"


def signing_command(statement: str) -> str:
    """The command by which a person signs the line; the signature is what it prints."""
    line = shlex.quote(statement)
    return f"printf %s {line} | ssh-keygen -q -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519"


def tidy_statement(text: str) -> str:
    """The line as it was shown: copying may have added blanks or broken it."""
    return " ".join(text.split())


def statement_limitation(
    statement: str, proposal: Proposal, policy: ApprovalPolicy, now: Moment
) -> str | None:
    """Why the line approves nothing, or nothing of this proposal, at `now`; None where it does."""
    found = _STATEMENT.fullmatch(statement)
    if found is None:
        return f"statement: given {statement[:80]!r}, it is not the line that was shown"
    if found["digest"] != proposal.digest:
        return (
            f"statement: it approves plan {found['digest'][:16]}, and the plan is now"
            f" {proposal.digest[:16]}: another plan was approved, or it has changed since"
        )
    # Kind and subject are for the reader; the hash covers both, and so must the line.
    if found["act"] != _act(proposal):
        return f"statement: it names {found['act']}, and its plan is {_act(proposal)}"
    return _time_limitation(statement, timedelta(minutes=policy.minutes), now)


def _time_limitation(statement: str, longest: timedelta, now: Moment) -> str | None:
    try:
        until = approved_until(statement)
    except GuardRefused as error:
        return str(error)
    if now >= until:
        return f"statement: the approval came late, it was good until {until.strftime(_TIME)}"
    # As now is later than when the line was shown, an honest one is never beyond.
    if until > now + longest:
        return f"statement: until={until.strftime(_TIME)} is more than {longest} from now"
    return None


def approved_until(statement: str) -> datetime:
    """When the line's approval ends.

    Raises:
        GuardRefused: it says no time.
    """
    found = _STATEMENT.fullmatch(statement)
    try:
        return datetime.strptime(found["until"] if found else "", _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise GuardRefused(f"statement: given {statement[-40:]!r}, it ends with no time") from error


def signers_limitation(signers: Sequence[Signer], proposal: Proposal) -> str | None:
    """Why these people do not approve it together; None where they do."""
    if len(signers) != proposal.signatures:
        return f"signatures: given {len(signers)}, {proposal.signatures} are needed"
    for what, values in (("key", [s.key for s in signers]), ("person", [s.name for s in signers])):
        if len(set(values)) < len(values):
            return f"signatures: the same {what} signed twice, {values[0]}: two people have to"
    return None


def proposal_text(proposal: Proposal, rows: Sequence[Row]) -> str:
    """The plan and its hash, as a person reads it in the UI (markdown)."""
    table = ["| | |", "|---|---|"]
    table += [f"| {_cell(row['measure'])} | {_cell(row['value'])} |" for row in rows]
    head, foot = f"# {proposal.kind} of {proposal.subject}", f"Plan `{proposal.digest}`"
    return "\n".join([head, "", *table, "", foot, ""])


def approval_text(proposal: Proposal, statement: str) -> str:
    """How the plan is approved (markdown)."""
    people, second = "one person's key", ""
    if proposal.signatures > 1:
        people, second = "the keys of two people", ", the other person's into `second_signature`"
    return f"""To approve it, by {people}, sign this line:

```
{statement}
```

with this command:

```
{signing_command(statement)}
```

Then resume this run: the line goes into `statement`, what the command prints into
`signature`{second}.
"""


def _act(proposal: Proposal) -> str:
    return f"{proposal.kind} {re.sub(r'[^a-zA-Z0-9.:@-]', '-', proposal.subject)}"


def _cell(value: str | int) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
