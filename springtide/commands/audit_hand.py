"""The audit log's sites (`springtide.stores.audit_sites`), where tasks still look for them."""

from springtide.stores.audit_sites import FOLDER_VARIABLE, open_site

__all__ = ["FOLDER_VARIABLE", "open_site"]
