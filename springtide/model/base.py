"""The base of every model: frozen, closed to unknown fields, documented by its field docstrings."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


class Model(BaseModel):
    """A frozen value. Unknown fields are refused; so are naive datetimes where one is asked for."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""A short lower-case name: it becomes part of a tag, a server's name and an artifact's key."""

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,100}$")]
"""The unique name under which something small is stored beside the claims."""

EnvironmentVariable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""A variable of the worker's environment: it holds a secret that the estate only names."""

CloudName = Annotated[str, Field(min_length=1, max_length=255)]
"""A name that a cloud gave: we only hand it on."""

Moment = AwareDatetime
"""An instant; always with its time zone."""

Reason = Annotated[str, Field(min_length=3, max_length=500)]
"""Why, in a person's words."""
