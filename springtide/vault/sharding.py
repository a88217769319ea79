"""Shards of a part: snapshots that several runs make at once, joined to one of the whole.

Rule: every entry is dealt to just one shard, and a directory above to all; so the shards' trees
laid over each other are the whole. A whole snapshot stands only when each shard of the run does;
then the shards' own go. A run that failed leaves some: the next one's shards go on from them, and
expiry removes them after two weeks where none comes.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from springtide.errors import Retryable
from springtide.model.backup import BackupSource, ShardOrder
from springtide.model.retention import SHARD
from springtide.vault.blobs import BlobId
from springtide.vault.dealing import WHOLE, Shard
from springtide.vault.repository import Repository
from springtide.vault.snapshots import KIND, Snapshot, Summary, still_stands
from springtide.vault.tree_editing import merged_tree


def shard_host(source: str) -> str:
    """Under which name the shards of a source stand, apart from its snapshots."""
    return f"{source}/{SHARD}s"


def newest_snapshot(known: Sequence[Snapshot], source: str, path: str) -> Snapshot | None:
    """The newest snapshot of that part, oldest first given; None: there is none."""
    of_part = (each for each in reversed(known) if (each.hostname, each.paths) == (source, (path,)))
    return next(of_part, None)


def newest_for(
    known: Sequence[Snapshot], source: BackupSource, path: str, shard: ShardOrder | None
) -> Snapshot | None:
    """Against which snapshot unchanged files are recognised: the whole, or a newer one's shard."""
    whole = newest_snapshot(known, source.name, path)
    if shard is None:
        return whole
    mine = f"{shard.number}-of-{shard.of}"
    same = [each for each in known if mine in each.tags and not _is_empty(each)]
    left = newest_snapshot(same, shard_host(source.name), path)
    return max((each for each in (whole, left) if each), key=lambda s: s.time, default=None)


def _is_empty(shard: Snapshot) -> bool:
    """Whether nothing can be recognised against it, as against that of a mount that was gone."""
    return shard.summary is not None and not shard.summary.total_files_processed


def dealt(source: BackupSource, shard: ShardOrder | None) -> Shard:
    """Which entries of the source belong to the shard."""
    return Shard(shard.number, shard.of, source.shard_depth) if shard else WHOLE


def as_shard(snapshot: Snapshot, shard: ShardOrder) -> Snapshot:
    """The snapshot under the name of a shard: no rule of retention and no copy counts it."""
    tags = (SHARD, f"{shard.number}-of-{shard.of}", shard.run)
    return snapshot.model_copy(update={"hostname": shard_host(snapshot.hostname), "tags": tags})


def shards_of(
    known: Iterable[Snapshot], source: str, path: str, run: str, of: int
) -> tuple[Snapshot, ...]:
    """The shards of that run, in their order.

    Raises:
        Retryable: one of them is not listed, or not yet; its number is told.
    """
    found = {
        tag: each
        for each in known
        if (each.hostname, each.paths) == (shard_host(source), (path,)) and run in each.tags
        for tag in each.tags
    }
    wanted = [f"{number}-of-{of}" for number in range(1, of + 1)]
    missing = [name.replace("-", " ") for name in wanted if name not in found]
    if missing:
        raise Retryable(f"shards are not listed: {', '.join(missing)}")
    return tuple(found[name] for name in wanted)


def joined_tree(repository: Repository, shards: Sequence[Snapshot]) -> BlobId:
    """The tree of all of them, stored."""
    tree, *others = (bytes.fromhex(each.tree) for each in shards)
    for other in others:
        tree = merged_tree(repository, tree, other)
        repository.flush()  # what is merged next is read back
    return tree


def refuse_if_replaced(repository: Repository, shards: Iterable[Snapshot]) -> None:
    """Go on only while each of them stands.

    Raises:
        Retryable: one was stored anew, by an erasure: what was joined of it holds what went.
    """
    if not all(still_stands(repository, each) for each in shards):
        raise Retryable("a shard was stored anew meanwhile: join them again")


def joined_summary(shards: Iterable[Snapshot]) -> Summary:
    """What they did together."""
    found = [each.summary or Summary() for each in shards]
    fields = Summary.model_fields
    return Summary(**{name: sum(getattr(each, name) for each in found) for name in fields})


def remove_shards(
    repository: Repository, known: Iterable[Snapshot], whole: Snapshot, source: str
) -> None:
    """Remove the part's shards that are not newer than the whole: this run's and failed ones'.

    Where the store fails, the rest is left to the next whole one and to expiry: the whole stands.
    """
    with suppress(Retryable):
        for each in known:
            if (each.hostname, each.paths) == (shard_host(source), whole.paths) and (
                each.time <= whole.time
            ):
                repository.remove_document(KIND, each.id)
