#!/usr/bin/env python3
"""Apache Superset, set up and started on this machine, with one dashboard over the published marts.

It reads a DuckDB file of views over the files of the last run, or any database that has the marts: `--uri postgresql://reader:…@host/company`. All that
Superset keeps lies in target/superset. It listens on 127.0.0.1 only; the name and password are printed. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import requests

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "target" / "superset"
BIN = Path(sys.executable).parent
USER = "uramaki"
TITLE = "The company from the customer's side"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=Path, default=ROOT / "warehouse", help="the warehouse's folder")
    parser.add_argument("--uri", help="a database that has the marts in a schema `marts`, as SQLAlchemy names it (instead of the warehouse)")
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--picture", type=Path, help="write a picture of the dashboard, and end")
    options = parser.parse_args()

    STATE.mkdir(parents=True, exist_ok=True)
    uri = options.uri or f"duckdb:///{views(options.warehouse)}?access_mode=read_only"
    password = configure()
    for step in (["db", "upgrade"], ["init"]):
        superset(*step)
    superset("fab", "create-admin", "--username", USER, "--password", password, "--firstname", "U", "--lastname", "M", "--email", "u@example.org")
    superset("fab", "reset-password", "--username", USER, "--password", password)
    log = (STATE / "superset.log").open("w")
    gunicorn = [BIN / "gunicorn", "--bind", f"127.0.0.1:{options.port}", "--workers", "1", "--threads", "8", "--timeout", "120", "superset.app:create_app()"]
    server = subprocess.Popen(gunicorn, env=environment(), stdout=log, stderr=log)
    try:
        api = Api(f"http://127.0.0.1:{options.port}", server)
        api.login(password)
        address = f"{api.address}/superset/dashboard/{build(api, uri)}/"
        print(f"dashboard: {address}\nuser {USER}, password {password}", flush=True)
        if options.picture:
            # Playwright lives with the other scripts' packages.
            names = {k: v for k, v in os.environ.items() if not k.startswith("URAMAKI_PYTHON")}
            take = [ROOT / "scripts" / "python", ROOT / "scripts" / "superset_picture.py", api.address, address, options.picture]
            subprocess.run(take, env=names | {"SUPERSET_USER": USER, "SUPERSET_PASSWORD": password}, check=True)
        else:
            server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
    return 0


def views(warehouse: Path) -> Path:
    """A DuckDB file with a view for each mart of the last run. A new file each time, put in place by its name: a reader has the old one or the new one."""
    runs = sorted((int(p.stem), p) for p in (warehouse / "_runs").glob("*.json") if p.stem.isdigit())
    if not runs:
        raise SystemExit(f"there is no run in {warehouse}\nhint: uramaki run makes one; --warehouse names another folder")
    manifest = json.loads(runs[-1][1].read_text())
    path, new = STATE / "uramaki.duckdb", STATE / "uramaki.new.duckdb"
    new.unlink(missing_ok=True)
    with duckdb.connect(str(new)) as con:
        con.execute("create schema marts")
        for name, table in manifest["tables"].items():
            schema, _, short = name.partition(".")
            if schema == "marts":
                files = ", ".join("'" + str((warehouse / f["path"]).resolve()).replace("'", "''") + "'" for f in table["files"])
                con.execute(f'create view marts."{short}" as select * from read_parquet([{files}])')
    new.replace(path)
    return path


def configure() -> str:
    """Superset's configuration, and the password: made once, kept beside its database, readable by nobody else."""
    kept = STATE / "secrets.json"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(json.dumps({"key": secrets.token_urlsafe(42), "password": secrets.token_urlsafe(12)}))
    known = json.loads(kept.read_text())
    config = STATE / "superset_config.py"
    config.touch(mode=0o600)
    config.write_text(
        f"SECRET_KEY = {known['key']!r}\n"
        f"SQLALCHEMY_DATABASE_URI = {'sqlite:///' + str(STATE / 'superset.db')!r}\n"
        "TALISMAN_ENABLED = False\n"
        "RATELIMIT_ENABLED = False\n"
        "AUTH_RATE_LIMITED = False\n"
        "SESSION_COOKIE_SAMESITE = 'Lax'\n"
    )
    return known["password"]


def environment() -> dict[str, str]:
    return os.environ | {"SUPERSET_CONFIG_PATH": str(STATE / "superset_config.py"), "FLASK_APP": "superset.app:create_app()", "SUPERSET_HOME": str(STATE)}


def superset(*words: str) -> None:
    ran = subprocess.run([BIN / "superset", *words], env=environment(), capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"superset {words[0]} failed:\n{ran.stdout[-1000:]}{ran.stderr[-2000:]}")


class Api:
    """Superset's REST API, as the one user that this script makes."""

    def __init__(self, address: str, server: subprocess.Popen) -> None:
        self.address = address
        self.http = requests.Session()
        for _ in range(240):
            if server.poll() is not None:
                raise SystemExit(f"Superset did not start: see {STATE / 'superset.log'}\nhint: is the port taken? --port names another")
            try:
                if self.http.get(f"{address}/health", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.5)
        raise SystemExit(f"Superset did not answer: see {STATE / 'superset.log'}")

    def login(self, password: str) -> None:
        who = {"username": USER, "password": password, "provider": "db", "refresh": False}
        token = self.call("post", "security/login", who)["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.http.headers["X-CSRFToken"] = self.call("get", "security/csrf_token/")["result"]
        self.http.headers["Referer"] = self.address

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        answer = self.http.request(method, f"{self.address}/api/v1/{path}", json=body, timeout=120)
        if not answer.ok:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json()

    def put(self, kind: str, name_key: str, body: dict) -> int:
        """Makes what is not there yet, changes what is; its id."""
        asked = json.dumps({"filters": [{"col": name_key, "opr": "eq", "value": body[name_key]}]})
        found = self.call("get", f"{kind}/?q={asked}")["result"]
        if found:
            fixed = {"dataset": ["database", "schema"]}.get(kind, [])
            self.call("put", f"{kind}/{found[0]['id']}", {k: v for k, v in body.items() if k not in fixed})
            return found[0]["id"]
        return self.call("post", f"{kind}/", body)["id"]


def metric(expression: str, label: str) -> dict:
    return {"expressionType": "SQL", "sqlExpression": expression, "label": label, "optionName": f"metric_{label}", "hasCustomLabel": True}


def whole(expression: str) -> dict:
    return {"expressionType": "SQL", "clause": "WHERE", "sqlExpression": expression}


# Names that sort as the days do.
WEEKDAY = {
    "expressionType": "SQL",
    "label": "day",
    "sqlExpression": "case weekday when 1 then '1 Mon' when 2 then '2 Tue' when 3 then '3 Wed' when 4 then '4 Thu' when 5 then '5 Fri' when 6 then '6 Sat' else '7 Sun' end",
}
# Name, mart, kind of chart, width in twelfths, height, and how it is drawn.
CHARTS = [
    (
        "Does the company see the customer as one?", "silo_index", "echarts_timeseries_line", 6, 46,
        {
            "x_axis": "month", "time_grain_sqla": None, "x_axis_sort_asc": True,
            "metrics": [metric("max(one_department_share)", "known to one department only"), metric("max(repeat_contact_share)", "contacts that are repeats")],
            "adhoc_filters": [whole("is_complete")], "y_axis_format": ".0%", "y_axis_bounds": [0, None], "show_legend": True, "legendOrientation": "top",
            "rich_tooltip": True, "markerEnabled": True, "x_axis_time_format": "%b %Y", "color_scheme": "supersetColors",
        },
    ),
    (
        "What do our inner processes do to customers?", "friction_summary", "echarts_timeseries_bar", 6, 46,
        {
            "x_axis": "month", "time_grain_sqla": None, "metrics": [metric("sum(frictions)", "frictions")], "groupby": ["rule"], "stack": "Stack",
            "show_legend": True, "legendOrientation": "right", "legendType": "scroll", "rich_tooltip": True, "x_axis_time_format": "%b %Y", "color_scheme": "supersetColors", "row_limit": 1000,
        },
    ),
    (
        "Between which departments do customers wander?", "department_handoffs", "heatmap_v2", 6, 46,
        {
            "x_axis": "to_department", "groupby": "from_department", "metric": metric("sum(handoffs)", "hand-offs"), "linear_color_scheme": "superset_seq_1",
            "normalize_across": "heatmap", "sort_x_axis": "alpha_asc", "sort_y_axis": "alpha_desc", "show_values": True, "show_legend": False, "value_bounds": [None, None],
            "legend_type": "continuous", "left_margin": 90, "bottom_margin": 40, "row_limit": 1000,
        },
    ),
    (
        "When does the rush come to customer service?", "contact_load", "heatmap_v2", 6, 46,
        {
            "x_axis": "hour", "groupby": WEEKDAY, "metric": metric("sum(contacts)", "contacts"), "linear_color_scheme": "superset_seq_1",
            "adhoc_filters": [whole("department = 'support'")], "normalize_across": "heatmap", "sort_x_axis": "alpha_asc", "sort_y_axis": "alpha_desc", "show_values": True,
            "show_legend": False, "legend_type": "continuous", "value_bounds": [None, None], "left_margin": 60, "bottom_margin": 40, "row_limit": 1000,
        },
    ),
    (
        "Who needs something from us today?", "customer_360", "table", 12, 62,
        {
            "query_mode": "raw",
            "all_columns": ["display_name", "next_best_step", "next_best_step_reason", "revenue_eur", "open_tickets", "overdue_eur", "friction_90d"],
            "order_by_cols": ['["revenue_eur", false]'], "adhoc_filters": [whole("next_best_step <> 'none'")], "row_limit": 1000, "page_length": 10, "server_pagination": False, "table_timestamp_format": "smart_date",
            "column_config": {"revenue_eur": {"d3NumberFormat": ",.2f"}, "overdue_eur": {"d3NumberFormat": ",.2f"}},
        },
    ),
]  # fmt: skip


def build(api: Api, uri: str) -> int:
    """The connection, a dataset for each mart that is drawn, five charts, and the dashboard that holds them."""
    database = api.put("database", "database_name", {"database_name": "Uramaki", "sqlalchemy_uri": uri, "expose_in_sqllab": True})
    datasets = {}
    for mart in sorted({chart[1] for chart in CHARTS}):
        datasets[mart] = api.put("dataset", "table_name", {"database": database, "schema": "marts", "table_name": mart})
        api.call("put", f"dataset/{datasets[mart]}/refresh")
    dashboard = api.put("dashboard", "dashboard_title", {"dashboard_title": TITLE, "published": True})
    placed = []
    for name, mart, kind, width, height, drawn in CHARTS:
        form = {"datasource": f"{datasets[mart]}__table", "viz_type": kind, **drawn}
        body = {"slice_name": name, "viz_type": kind, "datasource_id": datasets[mart], "datasource_type": "table", "dashboards": [dashboard], "params": json.dumps(form)}
        placed.append((api.put("chart", "slice_name", body), name, width, height))
    api.call("put", f"dashboard/{dashboard}", {"position_json": json.dumps(layout(placed)), "json_metadata": json.dumps({"refresh_frequency": 0})})
    return dashboard


def layout(placed: list[tuple[int, str, int, int]]) -> dict:
    """Rows of twelve columns, filled from left to right."""
    place: dict = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": TITLE}},
    }
    free = 0
    for chart, name, width, height in placed:
        if width > free:
            row = f"ROW-{chart}"
            place["GRID_ID"]["children"].append(row)
            place[row] = {"id": row, "type": "ROW", "children": [], "parents": ["ROOT_ID", "GRID_ID"], "meta": {"background": "BACKGROUND_TRANSPARENT"}}
            free = 12
        free -= width
        key = f"CHART-{chart}"
        place[row]["children"].append(key)
        place[key] = {
            "id": key, "type": "CHART", "children": [], "parents": ["ROOT_ID", "GRID_ID", row],
            "meta": {"chartId": chart, "width": width, "height": height, "sliceName": name},
        }  # fmt: skip
    return place


if __name__ == "__main__":
    raise SystemExit(main())
