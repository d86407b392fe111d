#!/usr/bin/env python3
"""An S3 server for tests, on this machine only: moto's, which keeps its objects in memory.

Prints its address as soon as it answers, and ends when its standard input is closed: it goes with the process that started it.
"""

from __future__ import annotations

import argparse
import os
import sys

import boto3
from moto.server import ThreadedMotoServer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bucket", required=True, help="a bucket that is made at the start")
    options = parser.parse_args()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **credentials).create_bucket(Bucket=options.bucket)
    print(address, flush=True)
    sys.stdin.read()
    # Threads of requests that are still open would keep the process.
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
