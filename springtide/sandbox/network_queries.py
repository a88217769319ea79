"""Which documents a network listing asks for: Neutron's filters, order and choice of fields."""

from starlette.requests import Request

from springtide.sandbox.protocol import is_true
from springtide.sandbox.records import Document

NOT_FILTERED_BY = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})


def matching_documents(documents: list[Document], request: Request) -> list[Document]:
    """The documents that pass every filter, in the order that is asked for.

    A filter given several times passes what meets one of its values; one on a field that the
    documents do not have is ignored, as Neutron does.
    """
    query = request.query_params
    found = documents
    for name in set(query) - NOT_FILTERED_BY:
        values = query.getlist(name)
        found = [document for document in found if _passes(document, name, values)]
    for key, direction in reversed(
        list(zip(query.getlist("sort_key"), query.getlist("sort_dir"), strict=False))
    ):
        found = sorted(found, key=lambda one: str(one.get(key)), reverse=direction == "desc")
    return found


def with_fields(document: Document, fields: list[str]) -> Document:
    """The document reduced to the fields asked for; whole if none are."""
    if not fields:
        return document
    return {name: document[name] for name in fields if name in document}


def _passes(document: Document, name: str, values: list[str]) -> bool:
    if name in {"tags", "tags-any", "not-tags", "not-tags-any"}:
        return _tagged(set(document.get("tags", ())), name, set(",".join(values).split(",")))
    if name == "fixed_ips":
        wanted = dict(value.split("=", 1) for value in values if "=" in value)
        return any(wanted.items() <= fixed.items() for fixed in document["fixed_ips"])
    if name not in document:
        return True
    found = document[name]
    if isinstance(found, bool):
        return any(found == is_true(value) for value in values)
    if isinstance(found, list):
        return any(value in found for value in values)
    return any(str(found) == value for value in values)


def _tagged(tags: set[str], name: str, wanted: set[str]) -> bool:
    has = bool(wanted & tags) if name.endswith("-any") else wanted <= tags
    return has != name.startswith("not-")
