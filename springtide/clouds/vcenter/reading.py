"""Bulk reads: all objects of a kind with the properties that are wanted, in one call or a few.

Attribute by attribute a thousand virtual machines would take minutes: each attribute is a call.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyVmomi import vim, vmodl

Properties = dict[str, Any]
"""By path; what is not set, or may not be read, is missing."""

_PAGE = 1000


def read_all(
    content: Any,  # noqa: ANN401 - pyVmomi's objects have no types
    kind: type,
    paths: Sequence[str],
) -> Iterator[tuple[str, Properties]]:
    """Each object of that kind: its id and its properties.

    The view is the session's: it is made and destroyed here.
    """
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], recursive=True)
    try:
        select = vmodl.query.PropertyCollector.TraversalSpec(
            name="view", type=vim.view.ContainerView, path="view", skip=False
        )
        found = vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[select])
        yield from _collected(content, [found], kind, paths)
    finally:
        view.Destroy()


def read_some(
    content: Any,  # noqa: ANN401 - as above
    objects: Iterable[Any],
    kind: type,
    paths: Sequence[str],
) -> Iterator[tuple[str, Properties]]:
    """Those objects: the id and the properties of each."""
    specs = [vmodl.query.PropertyCollector.ObjectSpec(obj=each, skip=False) for each in objects]
    if specs:
        yield from _collected(content, specs, kind, paths)


def by_id(content: Any, kind: type, id_: str) -> Any:  # noqa: ANN401 - as above
    """PyVmomi's object of that kind and id."""
    return kind(id_, content.propertyCollector._stub)  # noqa: SLF001 - pyVmomi's only way


def id_of(reference: Any) -> str:  # noqa: ANN401 - as above
    """The id of pyVmomi's object; empty where there is none."""
    return "" if reference is None else str(reference._GetMoId())  # noqa: SLF001 - as above


def _collected(
    content: Any,  # noqa: ANN401 - as above
    objects: list[Any],
    kind: type,
    paths: Sequence[str],
) -> Iterator[tuple[str, Properties]]:
    collector = content.propertyCollector
    wanted = vmodl.query.PropertyCollector.PropertySpec(type=kind, pathSet=list(paths), all=False)
    spec = vmodl.query.PropertyCollector.FilterSpec(objectSet=objects, propSet=[wanted])
    options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=_PAGE)
    page = collector.RetrievePropertiesEx([spec], options)
    while page is not None:
        for each in page.objects:
            yield id_of(each.obj), {item.name: item.val for item in each.propSet}
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
