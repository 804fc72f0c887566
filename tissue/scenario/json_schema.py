"""JSON schema of the run file, from its tables: editors complete and check run files with it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaSerializer, core_schema

Json = dict[str, Any]


class _Schema(GenerateJsonSchema):
    """Keys as a run file has them: defaults with their units, and no null, which TOML lacks."""

    schema_dialect = "https://json-schema.org/draft/2020-12/schema"

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No titles that only repeat a key."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Json:
        """The schema of a key that may be left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        """The schema of a key with its default as text."""
        found = super().default_schema(schema)
        default = schema.get("default")
        found.pop("default", None)
        if default is not None and not isinstance(default, BaseModel | dict) and default != ():
            found["default"] = SchemaSerializer(schema["schema"]).to_python(default, mode="json")
        return found


@cache
def json_schema(model: type[BaseModel]) -> Json:
    """The schema of a run file.

    Args:
        model: its tables.
    """
    schema = model.model_json_schema(schema_generator=_Schema)
    for table in (schema, *schema["$defs"].values()):
        if "description" in table:
            table["description"] = table["description"].splitlines()[0]
    return {"$schema": _Schema.schema_dialect, **schema, "title": "Run file of tissue"}


@cache
def keys(model: type[BaseModel]) -> dict[tuple[str, ...], dict[str, str]]:
    """Descriptions of the keys of every table by its path; the run file itself has the path ().

    Args:
        model: its tables.
    """
    found: dict[tuple[str, ...], dict[str, str]] = {}
    schema = json_schema(model)
    _collect((), schema, schema["$defs"], found)
    return found


def _collect(
    path: tuple[str, ...],
    node: Json,
    definitions: Mapping[str, Json],
    found: dict[tuple[str, ...], dict[str, str]],
) -> None:
    node = definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    for key, about in node.get("properties", {}).items():
        found.setdefault(path, {}).setdefault(key, about.get("description", "a table"))
        _collect((*path, key), about, definitions, found)
    for form in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        _collect(path, form, definitions, found)
    if isinstance(node.get("items"), dict):
        _collect(path, node["items"], definitions, found)
