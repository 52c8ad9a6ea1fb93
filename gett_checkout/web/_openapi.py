"""The endpoints for FastAPI's OpenAPI document: JSON Schemas as pydantic models and operations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ForwardRef, Union

from pydantic import BaseModel, ConfigDict, RootModel, WithJsonSchema, create_model

from gett_checkout.web._bodies import NOTHING_SENT, Schema, given, taken
from gett_checkout.web._table import Endpoint

_PREFIX = "Gett"  # avoids clashes with the host's models


def described(endpoint: Endpoint) -> dict[str, Any]:
    """Describe an endpoint as keyword arguments of ``APIRouter.add_api_route``."""
    operation: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": where, "required": where == "path", "schema": {"type": "string"}}
            for where, names in (("path", endpoint.names), ("query", endpoint.queries))
            for name in names
        ]
    }
    if endpoint.takes is not NOTHING_SENT:
        schema = _inlined(endpoint.takes.schema)
        operation["requestBody"] = {
            "required": schema.get("required") != [],
            "content": {"application/json": {"schema": schema}},
        }
    return {
        "name": f"checkout_{endpoint.name}",
        "operation_id": f"checkout_{endpoint.name}",
        "summary": endpoint.summary,
        "status_code": endpoint.status,
        "responses": {endpoint.status: _gives(endpoint.gives), "default": _problem()},
        "openapi_extra": operation,
    }


def _gives(schema: Schema) -> dict[str, Any]:
    if "$ref" in schema:
        return {"model": _models()[_name(schema)]}
    return {"content": {"application/json": {"schema": schema}}}


@cache
def _problem() -> dict[str, Any]:
    """Describe the response to a failed request. Its parts are those of the view, which has a model."""
    schema = _referring(given()["Problem"])
    content = {"application/problem+json": {"schema": schema}}
    return {"description": "A problem document (RFC 9457)", "content": content}


@cache
def _models() -> dict[str, type[BaseModel]]:
    """Make one model per definition, so that FastAPI's document has each of them once."""
    made = {name: _model(name, schema) for name, schema in given().items() if name != "Problem"}
    for each in made.values():
        each.model_rebuild(_types_namespace=made)
    return made


def _model(name: str, schema: Schema) -> type[BaseModel]:
    if "properties" not in schema:
        root: Any = RootModel
        model: type[BaseModel] = create_model(_PREFIX + name, __base__=root[_annotation(schema)])
        return model
    members: Any = {
        member: (_annotation(each), ...) for member, each in schema["properties"].items()
    }
    summary = schema.get("description")
    config = ConfigDict(extra="forbid", protected_namespaces=())
    return create_model(_PREFIX + name, __config__=config, __doc__=summary, **members)


def _annotation(schema: Schema) -> Any:
    """Make a type with this schema; a schema without references is inlined as it stands."""
    if "$ref" in schema:
        return ForwardRef(_name(schema))
    if "anyOf" in schema:
        return Union[tuple(map(_annotation, schema["anyOf"]))]  # noqa: UP007 - of any number
    if "items" in schema:
        return list[_annotation(schema["items"])]  # type: ignore[misc]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return dict[str, _annotation(schema["additionalProperties"])]  # type: ignore[misc]
    return Annotated[Any, WithJsonSchema(dict(schema))]


def _inlined(schema: Any) -> Any:
    """Return the schema of a body with its references inlined; none of them is recursive."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            return {"title": _name(schema), **_inlined(taken()[_name(schema)])}
        return {name: _inlined(each) for name, each in schema.items()}
    return [_inlined(each) for each in schema] if isinstance(schema, list) else schema


def _referring(schema: Any) -> Any:
    """Return the schema, with references to FastAPI's place for models."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            return {"$ref": f"#/components/schemas/{_PREFIX}{_name(schema)}"}
        return {name: _referring(each) for name, each in schema.items()}
    return [_referring(each) for each in schema] if isinstance(schema, list) else schema


def _name(schema: Schema) -> str:
    """Return the name of the definition that a schema refers to."""
    return str(schema["$ref"]).rpartition("/")[2]
