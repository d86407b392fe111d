"""What the project's files say: settings, contracts of the sources, SQL models and checks.

The scripts read the same files as the engine, so that both do the same work.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

SCHEMAS = ("landing", "staging", "identity", "warehouse", "marts", "project", "quarantine")
READS = re.compile(r"\b(" + "|".join(SCHEMAS) + r")\s*\.\s*([a-z_][a-z0-9_]*)")
FILE_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.(csv|jsonl|parquet)(?:\.(gz|zst))?$")

# Comments and quoted text: no name and no parameter is looked for in there.
OPAQUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.S)


@dataclass
class Column:
    name: str
    kind: str
    steps: list  # ("field", name) | ("where", field, value) | ("prefixed", prefix)
    required: bool
    unless: str | None
    map: dict | None
    otherwise: str | None


@dataclass
class Source:
    """One object of a system, with its contract."""

    system: str
    object: str
    format: str
    delimiter: str
    columns: list[Column]
    key: list[str]
    cursor: str | None
    snapshot: bool
    time_format: str
    time_zone: str
    person: dict | None
    drift_rows: int
    drift_share: float
    optional: bool

    @property
    def table(self) -> str:
        return f"{self.system}__{self.object}"

    @property
    def label(self) -> str:
        return f"{self.system}/{self.object}"


@dataclass
class Model:
    schema: str
    name: str
    path: Path
    sql: str
    spec: dict
    reads: set[str] = field(default_factory=set)

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def materialized(self) -> str:
        return self.spec.get("materialized") or ("view" if self.schema == "staging" else "table")

    @property
    def key(self) -> list[str]:
        return list(self.spec.get("key") or [])

    @property
    def columns(self) -> dict[str, dict]:
        return {name: (c if isinstance(c, dict) else {"type": c}) for name, c in self.spec.get("columns", {}).items()}

    @property
    def order(self) -> list[str]:
        """The columns that the table's rows are written by: the stated sort, then the key."""
        sort = self.spec.get("sort") or (["customer_id"] if "customer_id" in self.columns else [])
        return list(dict.fromkeys([*sort, *self.key]))


class Project:
    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.config = yaml.safe_load((self.folder / "uramaki.yaml").read_text())
        self.time_zone = self.config.get("time_zone", "UTC")
        self.holidays = self.config.get("holidays", "DE")
        self.country = self.config.get("default_country", "DE")
        self.max_holders = int((self.config.get("identity") or {}).get("max_holders", 20))
        self.settings = self.config.get("settings") or {}
        self.sources = [s for path in sorted((self.folder / "pipelines").glob("*.y*ml")) for s in read_pipeline(path)]
        self.models = [
            read_model(self.folder / "sql", path)
            for path in sorted((self.folder / "sql").rglob("*.sql"))
            if path.relative_to(self.folder / "sql").parts[0] not in ("checks", "balances")
        ]
        self.checks = [
            read_model(self.folder / "sql", path) for path in sorted((self.folder / "sql" / "checks").glob("**/*.sql"))
        ]

    def as_of(self, day: dt.date) -> dt.datetime:
        """The instant at which the day ends in the project's time zone."""
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(self.time_zone))
        return midnight.astimezone(dt.UTC)

    def parameters(self, as_of: dt.datetime) -> dict[str, str]:
        """Every parameter as the typed literal that the models get."""
        literals = {
            "as_of": f"timestamptz '{as_of:%Y-%m-%d %H:%M:%S}+00'",
            "time_zone": quoted(self.time_zone),
        }
        for name, value in self.settings.items():
            literals[name] = quoted(value) if isinstance(value, str) else str(value).lower()
        return literals

    def in_order(self) -> list[Model]:
        """Models so that each comes after what it reads."""
        by_name = {m.full_name: m for m in self.models}
        done: dict[str, Model] = {}

        def visit(model: Model, path: tuple[str, ...]) -> None:
            if model.full_name in done:
                return
            if model.full_name in path:
                raise ValueError("models read each other in a circle: " + " → ".join((*path, model.full_name)))
            for name in sorted(model.reads):
                if name in by_name:
                    visit(by_name[name], (*path, model.full_name))
            done[model.full_name] = model

        for model in self.models:
            visit(model, ())
        return list(done.values())


def read_pipeline(path: Path) -> list[Source]:
    spec = yaml.safe_load(path.read_text())
    sources = []
    for name, obj in spec["objects"].items():
        merged = {**{k: v for k, v in spec.items() if k != "objects"}, **obj}
        form = merged.get("format") or {}
        cursor = obj.get("cursor")
        key = list(obj["key"])
        columns = [read_column(n, c, n in key or n == cursor) for n, c in obj["columns"].items()]
        drift = merged.get("drift") or {}
        sources.append(
            Source(
                system=spec["system"],
                object=name,
                format=form.get("type", "csv"),
                delimiter=form.get("delimiter", ","),
                columns=columns,
                key=key,
                cursor=cursor,
                snapshot=merged.get("snapshot") == "full",
                time_format=merged.get("time_format", "iso"),
                time_zone=merged.get("time_zone", "UTC"),
                person=obj.get("person"),
                drift_rows=int(drift.get("rows", 5)),
                drift_share=float(drift.get("share", 0.05)),
                optional=bool(merged.get("optional", False)),
            )
        )
    return sources


def read_column(name: str, spec: str | dict, needed: bool) -> Column:
    spec = {"type": spec} if isinstance(spec, str) else spec
    return Column(
        name=name,
        kind=re.sub(r"\s+", " ", spec["type"].strip()),
        steps=read_path(spec.get("source", name)),
        required=needed or bool(spec.get("required")),
        unless=spec.get("unless"),
        map=spec.get("map"),
        otherwise=spec.get("otherwise"),
    )


def read_path(text: str) -> list[tuple]:
    """`custom_fields[id=7].value` as its steps."""
    steps: list[tuple] = []
    for name, where, value, prefix in re.findall(r"\.?([^.\[\]]+)|\[([^=\]^]+)=([^\]]*)\]|\[\^([^\]]*)\]", text):
        # findall gives empty strings for the groups that took no part.
        if name:
            steps.append(("field", name))
        elif where:
            steps.append(("where", where, value))
        else:
            steps.append(("prefixed", prefix))
    return [tuple(p for p in step if p != "") for step in steps]


def read_model(root: Path, path: Path) -> Model:
    sql = path.read_text().strip().rstrip(";")
    side = path.with_suffix(".yml")
    spec = yaml.safe_load(side.read_text()) if side.exists() else {}
    model = Model(path.relative_to(root).parts[0], path.stem, path, sql, spec or {})
    model.reads = {f"{s}.{t}" for s, t in READS.findall(OPAQUE.sub(" ", sql))} - {model.full_name}
    return model


def bind(sql: str, parameters: dict[str, str]) -> str:
    """The SQL with each `$name` outside of quotes and comments replaced by its literal."""
    out, last = [], 0
    for opaque in OPAQUE.finditer(sql):
        out += [bind_plain(sql[last : opaque.start()], parameters), opaque.group() if opaque.group()[0] == "'" else " "]
        last = opaque.end()
    return "".join([*out, bind_plain(sql[last:], parameters)])


def bind_plain(sql: str, parameters: dict[str, str]) -> str:
    def literal(match: re.Match) -> str:
        if match[1] not in parameters:
            raise ValueError(f"unknown parameter ${match[1]}")
        return parameters[match[1]]

    return re.sub(r"\$([a-z_][a-z0-9_]*)", literal, sql)


def quoted(text: str) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def duckdb_type(kind: str) -> str:
    """The DuckDB type of a type in a contract or model."""
    kind = kind.strip().lower()
    if kind.startswith("list<"):
        return duckdb_type(kind[5:-1]) + "[]"
    if kind.startswith("struct<"):
        fields = [f.split(":", 1) for f in kind[7:-1].split(",")]
        return "STRUCT(" + ", ".join(f"{ident(n.strip())} {duckdb_type(t)}" for n, t in fields) + ")"
    if kind.startswith("decimal"):
        return kind.upper()
    return {
        "text": "VARCHAR",
        "bigint": "BIGINT",
        "integer": "BIGINT",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMPTZ",
        "double": "DOUBLE",
    }[kind]
