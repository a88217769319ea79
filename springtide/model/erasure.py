"""Lawful erasure: what is approved, and what became of it. Neither names a document."""

from typing import Annotated

from pydantic import Field

from springtide.model.base import Model, Name

OrderId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Of an order that is stored in the vault, sealed."""


class ErasurePlan(Model):
    """What people sign: the order's id stands for exactly its paths."""

    vault: Name
    order: OrderId


class ErasureCount(Model):
    """What an order comes to in one vault."""

    vault: Name
    order: OrderId
    paths: int
    """That it names."""
    standing: int = 0
    """Of those, still at the source: the next backup would store them again."""
    snapshots: int = 0
    """That hold something of it."""
    files: int = 0
    """In all of those together."""
    reports: int = 0
    """Of backups, that name something of it."""
    carried_out: bool = False
    """It was done here before."""
    at_original: bool = True
    """It was done at the first site, where this vault is a second one."""
