"""The drop folder: which files there are, in which order, and which of them count."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .project import FILE_NAME, Source


@dataclass
class Extract:
    """One file of a source object."""

    source: Source
    path: Path
    day: dt.date
    number: int
    compression: str | None
    digest: str = ""
    rank: int = 0  # place in file order, over all objects
    counts: bool = True  # False: the same bytes came before

    @property
    def order(self) -> tuple:
        return (self.day, self.number, self.source.system, self.source.object, self.path.name)

    @property
    def name(self) -> str:
        return f"{self.source.label}/{self.path.name}"

    def control(self) -> dict | None:
        stem = self.path.name.split(f".{self.source.format}")[0]
        path = self.path.with_name(f"{stem}.control.json")
        return json.loads(path.read_text()) if path.exists() else None

    def open(self):
        """The decompressed bytes, as a stream."""
        if self.compression is None:
            return self.path.open("rb")
        kind = {"gz": "gzip", "zst": "zstd"}[self.compression]
        return pa.CompressedInputStream(pa.OSFile(str(self.path), "rb"), kind)


def list_drop(drop: Path, sources: list[Source], last_day: dt.date | None) -> list[Extract]:
    """All files up to `last_day`, in file order, each with its digest; doubles are marked."""
    extracts: list[Extract] = []
    for source in sources:
        folder = drop / source.system / source.object
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = FILE_NAME.match(path.name)
            if not match or match[3] != source.format:
                continue
            extract = Extract(source, path, dt.date.fromisoformat(match[1]), int(match[2] or 0), match[4])
            if last_day is None or extract.day <= last_day:
                extracts.append(extract)
        if not source.optional and not any(e.source is source for e in extracts):
            raise SystemExit(f"no files: {source.label}")
    extracts.sort(key=lambda e: e.order)

    with ThreadPoolExecutor(2) as pool:
        for extract, digest in zip(extracts, pool.map(digest_of, [e.path for e in extracts])):
            extract.digest = digest
    seen: set[tuple[str, str]] = set()
    for rank, extract in enumerate(extracts):
        extract.rank = rank
        # Bytes that came before are loaded once, except that a snapshot of a new date stands for that date again.
        double = (extract.source.label, extract.digest) in seen
        extract.counts = extract.source.snapshot or not double
        seen.add((extract.source.label, extract.digest))
    return extracts


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def newest_day(drop: Path, sources: list[Source]) -> dt.date:
    days = [
        dt.date.fromisoformat(match[1])
        for source in sources
        if (drop / source.system / source.object).is_dir()
        for path in (drop / source.system / source.object).iterdir()
        if (match := FILE_NAME.match(path.name))
    ]
    if not days:
        raise SystemExit(f"no files in {drop}")
    return max(days)
