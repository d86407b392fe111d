"""Reads OpenLineage events with the official client's classes, which are generated from the published JSON schema.

scripts/python scripts/openlineage_client.py EVENTS.jsonl

Every event and every facet is built as an object of its class, by the version that its schema URL names: a field that the schema does not know, one that is missing, or one of
another type ends with an error. Then the client's own serializer writes the object, and what it writes must be what was read. Prints how often each class was met, as JSON.
"""

import collections
import enum
import importlib
import json
import pathlib
import pkgutil
import sys
import types
import typing

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.generated import base
from openlineage.client.serde import Serde

# Under which name the schemas put each facet.
KEYS = {
    "ColumnLineageDatasetFacet": "columnLineage",
    "DataQualityAssertionsDatasetFacet": "dataQualityAssertions",
    "DataQualityMetricsInputDatasetFacet": "dataQualityMetrics",
    "DatasetTypeDatasetFacet": "datasetType",
    "DatasetVersionDatasetFacet": "version",
    "DocumentationDatasetFacet": "documentation",
    "DocumentationJobFacet": "documentation",
    "ErrorMessageRunFacet": "errorMessage",
    "InputStatisticsInputDatasetFacet": "inputStatistics",
    "JobTypeJobFacet": "jobType",
    "NominalTimeRunFacet": "nominalTime",
    "OutputStatisticsOutputDatasetFacet": "outputStatistics",
    "OwnershipDatasetFacet": "ownership",
    "OwnershipJobFacet": "ownership",
    "ParentRunFacet": "parent",
    "ProcessingEngineRunFacet": "processing_engine",
    "SQLJobFacet": "sql",
    "SchemaDatasetFacet": "schema",
    "StorageDatasetFacet": "storage",
    "SymlinksDatasetFacet": "symlinks",
    "TestRunFacet": "test",
}

met: collections.Counter[str] = collections.Counter()


def modules() -> list[types.ModuleType]:
    names = [m.name for m in pkgutil.iter_modules(generated.__path__)]
    return [importlib.import_module(f"{generated.__name__}.{name}") for name in names]


def facet_classes() -> dict[str, type]:
    """By schema URL."""
    found = {}
    for module in modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base.BaseFacet) and value.__module__ == module.__name__:
                found[value._get_schema()] = value
    return found


FACETS = facet_classes()


def fail(where: str, what: str) -> typing.NoReturn:
    sys.exit(f"{where}: {what}")


def facet(kind: type, key: str, value: dict, where: str) -> object:
    url = value.get("_schemaURL", "")
    if url not in FACETS:
        fail(where, f"no facet of the client has the schema {url}")
    cls = FACETS[url]
    if not issubclass(cls, kind):
        fail(where, f"{cls.__name__} is no {kind.__name__}")
    if KEYS.get(cls.__name__) != key:
        fail(where, f"{cls.__name__} does not stand under {key}")
    return built(cls, value, where)


def built(cls: type, value: object, where: str) -> object:
    """An object of an attrs class, with every field of its declared type."""
    if not isinstance(value, dict):
        fail(where, f"{cls.__name__} is an object, and this is {value!r}")
    met[cls.__name__] += 1
    hints = typing.get_type_hints(cls, vars(sys.modules[cls.__module__]) | vars(base))
    fields = {field.name: field for field in attr.fields(cls)}
    for name in value.keys() - fields.keys():
        fail(where, f"{cls.__name__} knows no {name}")
    arguments = {}
    for name, field in fields.items():
        if name not in value:
            if field.default is attr.NOTHING:
                fail(where, f"{cls.__name__} lacks {name}")
            continue
        made = typed(hints[name], value[name], f"{where}.{name}")
        if field.init:
            arguments[field.alias] = made
    made = cls(**arguments)
    for name, field in fields.items():
        if not field.init and name in value and getattr(made, name) != value[name]:
            fail(where, f"{name} is {value[name]}, and not {getattr(made, name)}")
    return made


def typed(hint: object, value: object, where: str) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        wanted = [a for a in arguments if a is not type(None)]
        if len(wanted) == 1 and value is not None:
            return typed(wanted[0], value, where)
        fail(where, f"{value!r} is no {hint}")
    if origin is list and isinstance(value, list):
        return [typed(arguments[0], item, f"{where}[{at}]") for at, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        kind = arguments[1]
        if isinstance(kind, type) and issubclass(kind, base.BaseFacet):
            return {key: facet(kind, key, item, f"{where}.{key}") for key, item in value.items()}
        return {key: typed(kind, item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(hint, type) and attr.has(hint):
        return built(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    # True is no number here.
    if hint is typing.Any or type(value) is hint or hint is float and type(value) is int:
        return value
    fail(where, f"{value!r} is no {hint}")


def plain(value: object) -> object:
    """Without what is empty: the client leaves that out where the schema lets it."""
    if isinstance(value, dict):
        kept = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main() -> None:
    lines = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        read = json.loads(line)
        event = built(RunEvent, read, f"line {number}")
        written = json.loads(Serde.to_json(event))
        if plain(written) != plain(read):
            fail(f"line {number}", "the client writes something else than it read")
    print(json.dumps({"events": len(lines), "met": dict(sorted(met.items()))}))


if __name__ == "__main__":
    main()
