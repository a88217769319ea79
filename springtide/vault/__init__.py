"""The backup repository: a writer, reader and pruner of restic's published format, version 2.

Rule: what leaves is compressed, encrypted and authenticated; every object is written once, under
the SHA-256 of what it holds, and is believed only after its hash was computed anew. Anybody with
the password and the `restic` program reads it without us.

Example: a file of 3 MiB is cut into chunks; each chunk that the repository does not hold yet goes,
sealed, into a pack of some 32 MiB; an index names the packs' chunks; a tree names the file and its
chunks; a snapshot names the tree. Where the writer is killed before the index is written, the next
one reads the pack's own header and sends nothing twice.

Source: restic, "Design" (doc/design.rst of restic 0.14 to 0.18), repository version 2.
"""
