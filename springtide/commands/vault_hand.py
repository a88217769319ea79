"""Vaults, opened (`springtide.stores.vaults`), where tasks still look for them."""

from springtide.stores.vaults import open_store, opened_vault, writer_identity

__all__ = ["open_store", "opened_vault", "writer_identity"]
