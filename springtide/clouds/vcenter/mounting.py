"""Mounting a datastore on one more host, as the others have it."""

from typing import Any

from pyVmomi import vim

from springtide.clouds.vcenter.reading import by_id, read_all, read_some
from springtide.errors import GuardRefused, NotFound


def mount(content: Any, datastore: str, host: str) -> None:  # noqa: ANN401 - pyVmomi's objects have no types
    """Mount the NFS datastore on that host; mounted already is success.

    Raises:
        NotFound: vCenter shows no such datastore, or no such host.
        GuardRefused: it is no NFS datastore, which a host cannot mount by its path.
    """
    info = _one(content, vim.Datastore, datastore, "info")
    nas = getattr(info, "nas", None)
    if nas is None:
        raise GuardRefused(f"{datastore} is no NFS datastore: it is not mounted by its path")
    spec = vim.host.NasVolume.Specification(
        remoteHost=nas.remoteHost,
        remotePath=nas.remotePath,
        localPath=datastore,
        accessMode="readWrite",
        type=nas.type,
    )
    system = _one(content, vim.HostSystem, host, "configManager.datastoreSystem")
    try:
        system.CreateNasDatastore(spec)
    except (vim.fault.DuplicateName, vim.fault.AlreadyExists):
        return


def _one(content: Any, kind: type, name: str, path: str) -> Any:  # noqa: ANN401 - as above
    """That property of the one object of that name."""
    ids = [id_ for id_, found in read_all(content, kind, ("name",)) if found["name"] == name]
    if len(ids) != 1:
        raise NotFound(f"vCenter has {len(ids) or 'no'} {kind.__name__} {name!r}")
    ((_, found),) = read_some(content, [by_id(content, kind, ids[0])], kind, (path,))
    return found[path]
