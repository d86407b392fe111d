"""What a run of the engine published, as its manifest says: the one place that knows the manifest's shape."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse


@dataclass
class Batch:
    """One landed Parquet file: the rows of one extract that keep the contract."""

    path: Path
    batch_id: str
    rank: int  # place of its extract in file order
    rejected: Path | None = None  # its rows in quarantine
    archive: Path | None = None  # the bytes as received, zstd


@dataclass
class Published:
    run: int
    as_of: dt.datetime
    warehouse: Path
    tables: dict[str, list[Path]]  # `warehouse.fct_order` → its Parquet files, in order
    landing: dict[str, list[Batch]]  # `shopify__orders` → the batches that count
    outdated: dict[str, list[Batch]]  # of a full snapshot: the batches before the newest date's
    objects: dict[str, dict]  # `shopify/orders` → its balance of rows
    quarantine: dict[str, list[Path]]  # `shopify/orders` → files of rejected rows


def local_path(warehouse: str) -> Path:
    """A warehouse is a folder or a file:// URL here."""
    return Path(unquote(urlparse(warehouse).path)) if warehouse.startswith("file://") else Path(warehouse)


def read_run(warehouse: Path, snapshots: set[str], run: int | None = None) -> Published:
    """`snapshots`: the objects (`controlling/fx_rates`) of which the newest date's files are the whole table."""
    runs = {int(p.stem): p for p in (warehouse / "_runs").glob("*.json") if p.stem.isdigit()}
    if not runs or (run is not None and run not in runs):
        raise SystemExit(f"no such run in {warehouse}")
    number = run if run is not None else max(runs)
    manifest = json.loads(runs[number].read_text())
    batches = manifest["batches"]
    landing: dict[str, list[Batch]] = {}
    outdated: dict[str, list[Batch]] = {}
    quarantine: dict[str, list[Path]] = {}

    def batch_of(name: str, rank: int) -> Batch:
        batch = batches[name]
        rejected = batch["quarantined"] and warehouse / batch["quarantined"]["path"]
        archive = batch.get("archive") and warehouse / batch["archive"]
        return Batch(warehouse / batch["landed"]["path"], name, rank, rejected, archive)

    for label, counted in counting(manifest["files"], manifest["as_of"], snapshots).items():
        landing[label.replace("/", "__")] = [batch_of(name, rank) for name, rank in counted]
    # Without the snapshots' rule every date's files count.
    for label, counted in counting(manifest["files"], manifest["as_of"], set()).items():
        now = {b.batch_id for b in landing[label.replace("/", "__")]}
        outdated[label.replace("/", "__")] = [batch_of(name, rank) for name, rank in counted if name not in now]
    for name in dict.fromkeys(f["batch"] for f in manifest["files"] if f["batch"] and f["date"] <= manifest["as_of"]):
        batch = batches[name]
        if batch["quarantined"]:
            label = f"{batch['system']}/{batch['object']}"
            quarantine.setdefault(label, []).append(warehouse / batch["quarantined"]["path"])
    return Published(
        run=number,
        as_of=dt.datetime.fromisoformat(manifest["as_of_instant"].replace("Z", "+00:00")),
        warehouse=warehouse,
        tables={n: [resolve(warehouse, n, f["path"]) for f in t["files"]] for n, t in manifest["tables"].items()},
        landing=landing,
        outdated=outdated,
        objects=manifest["objects"],
        quarantine=quarantine,
    )


def counting(files: list[dict], as_of: str, snapshots: set[str]) -> dict[str, list[tuple[str, int]]]:
    """Per object the batches that count, with their place in file order: bytes count at their first name; a name that returns
    to earlier bytes states them again; of a full snapshot only the newest date's last bytes count."""
    ordered = sorted(
        (f for f in files if f["batch"] and f["date"] <= as_of),
        key=lambda f: (f["date"], f["number"], f["restatement"], f["system"], f["object"]),
    )
    newest: dict[str, str] = {}
    for file in ordered:
        newest[label_of(file)] = file["date"]
    places: dict[str, dict[str, tuple[str, int]]] = {}
    last: dict[str, dict[str, str]] = {}
    for rank, file in enumerate(ordered):
        label = label_of(file)
        if label in snapshots and file["date"] != newest[label]:
            continue
        last.setdefault(label, {})[file["name"]] = file["batch"]
        held = places.setdefault(label, {})
        first_name = held.get(file["batch"], (file["name"], 0))[0]
        if first_name == file["name"]:
            held[file["batch"]] = (file["name"], rank)
    return {
        label: [
            (batch, rank)
            for batch, (_, rank) in held.items()
            if label not in snapshots or batch in last[label].values()
        ]
        for label, held in places.items()
    }


def label_of(file: dict) -> str:
    return f"{file['system']}/{file['object']}"


def resolve(warehouse: Path, table: str, path: str) -> Path:
    """A file's path stands relative to the warehouse, or, as in Delta's log, to its table."""
    direct = warehouse / path
    return direct if direct.exists() else warehouse.joinpath(*table.split("."), path)
