"""How the files of a source are cut into chunks."""

from enum import StrEnum


class Cutting(StrEnum):
    """How the files of a source are cut into chunks."""

    CONTENT = "content"
    """Where the content says so: an insert moves no later cut. For documents and dumps."""
    BLOCKS = "blocks"
    """Into blocks aligned to pages. For what changes in place: databases, disks."""
