"""What is backed up, where to, and what became of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field

from springtide.model.base import CloudName, Model, Moment, Name
from springtide.model.cutting import Cutting
from springtide.model.object_storage import ContainerName, NamePrefix, StorePlace
from springtide.model.offload import OffloadPolicy
from springtide.model.paths import AbsolutePath
from springtide.model.retention import PrunePolicy, Retention
from springtide.model.vault_keys import KeyRole, Recipients, RolePasswords
from springtide.model.wal_state import WalState


class Vault(Model):
    """One backup repository: one for each tenant, as whoever has its password reads all of it."""

    name: Name
    cloud: CloudName | None = None
    """Entry of clouds.yaml by which it is written and pruned; None: the estate's."""
    read_cloud: CloudName | None = None
    """Entry of clouds.yaml by which it is only read: by who copies it, and who restores from it.
    With it nothing is written for a restore, not even a session. None: as above."""
    copy_of: Name | None = None
    """The vault of which this is the second site: copies are pulled from there, by an identity
    that those who write there do not have."""
    region: CloudName
    """Where its objects are; one of the residency's."""
    container: ContainerName
    prefix: NamePrefix = ""
    password_file: AbsolutePath
    """On the worker's machine, readable for its user alone; its first line is the password."""
    passwords: RolePasswords = RolePasswords()
    """Of roles that have a password of their own."""
    recipients: Recipients = ()
    """Public keys of age, at least two, to which each password is encrypted: whoever has one of
    their other halves, kept offline, can read it when every machine of ours is lost."""
    retention: Retention = Retention(
        keep_last=7, keep_daily=14, keep_weekly=8, keep_monthly=12, keep_yearly=3
    )
    prune: PrunePolicy = PrunePolicy()
    price_per_gb_month: Decimal | None = None
    """Of 1,000,000,000 bytes, without VAT, in euros: what superfluous packs cost is told then."""
    verified_in_days: Annotated[int, Field(ge=1, le=365)] = 28
    """Each day another part of the packs is read, so that in so many days all have been."""

    @property
    def place(self) -> StorePlace:
        """Where its store stands."""
        return StorePlace(region=self.region, container=self.container, prefix=self.prefix)

    def password_file_of(self, role: KeyRole) -> str:
        """The file with the password that this role uses."""
        return self.passwords.of(role) or self.password_file


class BackupSource(Model):
    """Directories that are backed up; each path is a part with snapshots of its own."""

    kind: Literal["directories"] = "directories"
    name: Name
    """Stands in the snapshots as the host: whichever worker made them, they belong together."""
    vault: Name
    paths: Annotated[tuple[AbsolutePath, ...], Field(min_length=1)]
    excludes: tuple[str, ...] = ()
    """Shell patterns for whole paths, e.g. `/srv/documents/tmp/*`; `*` matches `/`, too."""
    cutting: Cutting = Cutting.CONTENT
    shards: Annotated[int, Field(ge=1, le=64)] = 1
    """So many runs at once back up each path, on as many workers as there are."""
    shard_depth: Annotated[int, Field(ge=1, le=8)] = 1
    """Entries so many directories below a path are dealt to the shards: best where there are
    many, and none of them holds most."""
    max_age: timedelta = timedelta(hours=26)
    """An older newest snapshot is an alarm."""
    restore_folder: AbsolutePath
    """On the worker's machine; restores and drills stand in new folders below it, nowhere else."""
    offload: OffloadPolicy | None = None
    """Which documents go to object storage alone; None: none ever."""

    @property
    def part_paths(self) -> dict[int, str]:
        """By part: the path of its snapshots."""
        return dict(enumerate(self.paths, 1))

    @property
    def part_ages(self) -> dict[int, timedelta]:
        """By part: how old its newest snapshot may be."""
        return dict.fromkeys(self.part_paths, self.max_age)

    def with_twice_the_time(self) -> Self:
        """The source with snapshots that may be twice as old."""
        return self.model_copy(update={"max_age": 2 * self.max_age})


class ShardOrder(Model):
    """Which shard of a part, and of which run."""

    number: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1, le=64)]
    run: Annotated[str, Field(pattern=r"^[0-9a-f-]{1,64}$")]
    """Shards of one run are joined."""


class PartOutcome(Model):
    """What became of one part of a backup. It names no file and no path."""

    part: int
    """From 1, in the order of the source's paths."""
    snapshot: str = ""
    """Its id; empty where there is none."""
    files: int = 0
    unchanged_files: int = 0
    directories: int = 0
    bytes: int = 0
    """Of all files."""
    read_bytes: int = 0
    new_bytes: int = 0
    """Such as the vault did not hold, before compression."""
    stored_bytes: int = 0
    """Sent to the store: compressed, sealed, with trees and headers."""
    packs: int = 0
    """Each confirmed by its checksum, and asked for again."""
    adopted_packs: int = 0
    """Taken over from a run that was killed."""
    read_back_packs: int = 0
    """Of the new ones, a sample that was read back and hashed."""
    unreadable: int = 0
    """Files and directories that could not be read."""
    changed: int = 0
    """Files that changed while they were read, or had gone before."""
    took_s: float = 0.0
    failure: str | None = None
    """Why there is no snapshot, or none that counts; or what else of the vault cannot be read."""


class VaultFinding(Model):
    """One object of a vault that is not as it should be."""

    name: str
    """Of the object in the store."""
    fault: str


class SourceAge(Model):
    """How old the newest snapshot of a source's part is."""

    source: Name
    part: int
    newest: Moment | None
    """None: there is none."""
    overdue: bool


class VaultVerification(Model):
    """What a verification found."""

    vault: Name
    part: str
    """What was read, e.g. `part 3 of 28`."""
    packs: int
    read_packs: int
    read_bytes: int
    snapshots: int
    findings: tuple[VaultFinding, ...] = ()
    ages: tuple[SourceAge, ...] = ()
    logs: tuple[WalState, ...] = ()
    """Of PostgreSQL clusters: how complete their archived logs are."""
    took_s: float


class CopyOutcome(Model):
    """What became of copying a vault to its second site."""

    vault: Name
    """The second site."""
    copied: int = 0
    """Snapshots."""
    present: int = 0
    """Snapshots that stand there, those included."""
    gone: int = 0
    """Snapshots that were to be copied, and went at the first site meanwhile."""
    blobs: int = 0
    new_bytes: int = 0
    """Such as the second site did not hold, before compression."""
    stored_bytes: int = 0
    packs: int = 0
    """Each confirmed by its checksum, and asked for again."""
    adopted_packs: int = 0
    read_back_packs: int = 0
    failures: tuple[str, ...] = ()
    """What could not be copied, and why, by the objects' names."""
    took_s: float = 0.0


class DrillOutcome(Model):
    """What a restore drill measured."""

    source: Name
    part: int
    by: str
    """The program that restored: `springtide` or `restic`."""
    snapshot: str
    files: int = 0
    bytes: int = 0
    restore_s: float = 0.0
    """The recovery time: until everything stood again."""
    recovery_point_s: float = 0.0
    """The age of the snapshot: what would have been lost."""
    differences: int = 0
    checked: str = "restored and compared, file by file"
    """How it was found to be right."""
    failure: str | None = None
    unread: str = ""
    """Which other snapshots of the vault cannot be read, in words; empty: all can be."""


class RestoreOutcome(Model):
    """What became of a restore."""

    source: Name
    part: int
    snapshot: str
    target: str
    """The new folder."""
    files: int
    bytes: int
    troubles: int
    """Files that are damaged in the vault, or could not be written as they were."""
    restored_to: Moment | None = None
    """Of a database: when the last transaction was committed that it holds."""
    unread: str = ""
    """Which other snapshots of the vault cannot be read, in words; empty: all can be."""
    took_s: float


class SnapshotVerdict(Model):
    """What becomes of one snapshot, and why."""

    snapshot: str
    source: str
    """The host that it names: a source, what was offloaded of one, or what restic was told."""
    at: Moment
    kept: bool
    reasons: tuple[str, ...]


class VaultExpiry(Model):
    """What expiry and prune have done, or in a dry run would do."""

    vault: Name
    dry_run: bool
    verdicts: tuple[SnapshotVerdict, ...] = ()
    """Newest first; empty where only packs were looked at."""
    packs: int = 0
    """That the index names."""
    size: int = 0
    """Of those, in bytes."""
    freed: int = 0
    """By so many bytes the vault is smaller once all of it is done."""
    freed_per_month: Decimal | None = None
    """What those cost a month, in euros; None: the estate tells no price."""
    tombstoned_packs: int = 0
    """In this run: they go after the grace."""
    deleted_packs: int = 0
    """In this run."""
    erasing_packs: int = 0
    """That hold something that was erased by law, and are on their way out."""
    blocked: tuple[str, ...] = ()
    """Why more was not deleted."""
    again_at: Moment | None = None
    """When there will be more to delete."""
