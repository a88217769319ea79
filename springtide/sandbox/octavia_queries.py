"""What a query string makes of a listing in Octavia: filters, tags, fields, pages."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from springtide.sandbox.protocol import Refused, next_page, page_of
from springtide.sandbox.records import Document

_NOT_FILTERS = frozenset({"fields", "limit", "marker", "page_reverse", "sort"})

_TAG_FILTERS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda wanted, tags: wanted <= tags,
    "tags-any": lambda wanted, tags: bool(wanted & tags),
    "not-tags": lambda wanted, tags: not wanted <= tags,
    "not-tags-any": lambda wanted, tags: not wanted & tags,
}


def listing(request: Request, documents: Iterable[Document], *, plural: str, most: int) -> Document:
    """The answer to a listing: the page asked for of those that match, and a link to the next.

    Raises:
        Refused: 400, for a limit or a marker that makes no sense.
    """
    query = request.query_params
    matching = [document for document in documents if _matches(document, query)]
    marker = query.get("marker")
    if marker is not None and all(_identity(document) != marker for document in matching):
        raise Refused(400, f"Supplied pagination marker '{marker}' is not valid.")
    page, following = page_of(matching, request, most=most, identity=_identity)
    links = []
    if following is not None:
        links.append({"rel": "next", "href": next_page(request, following)})
    return {plural: _only_fields(page, query.getlist("fields")), f"{plural}_links": links}


def _identity(document: Document) -> str:
    return str(document["id"])


def _matches(document: Document, query: QueryParams) -> bool:
    tags = set(document["tags"])
    for name in query:
        values = query.getlist(name)
        if name in _TAG_FILTERS:
            wanted = {tag for value in values for tag in value.split(",")}
            if not _TAG_FILTERS[name](wanted, tags):
                return False
        elif name not in _NOT_FILTERS and not any(_is(document, name, x) for x in values):
            return False
    return True


def _is(document: Document, name: str, wanted: str) -> bool:
    """A relation is filtered by the other's id: `loadbalancer_id` looks in `loadbalancers`."""
    if name not in document and name.endswith("_id"):
        related = document.get(f"{name.removesuffix('_id')}s", [])
        return any(other["id"] == wanted for other in related)
    return name in document and _text(document[name]) == wanted.lower()


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a document may hold
    return str(value).lower()


def _only_fields(page: Sequence[Document], fields: Sequence[str]) -> list[Document]:
    if not fields:
        return list(page)
    return [{name: x[name] for name in fields if name in x} for x in page]
