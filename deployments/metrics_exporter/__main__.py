"""`python -m deployments.metrics_exporter`: serve the metrics on `/metrics` until it is ended."""

import argparse
import logging
import signal
import sys
import threading

from prometheus_client import CollectorRegistry, start_http_server

from deployments.metrics_exporter.collector import FleetCollector
from deployments.metrics_exporter.reading import Reader
from springtide.clouds.audit import AuditLog
from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import SpringtideError
from springtide.estate import estate_path, load_estate

_PORT = 9464
_EVERY_S = 30.0


def main() -> None:
    """Serve until SIGINT or SIGTERM; a wrong estate ends it at once."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "pyrate_limiter"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    path = estate_path()
    try:
        estate = load_estate(path)
        audit = AuditLog(None, run="metrics", who="metrics-exporter")
        reader = Reader(path, estate, lambda: CloudAccess.open(estate, audit))
    except SpringtideError as error:
        sys.exit(str(error))
    # A registry of its own: the exporter's process is no fleet's business.
    registry = CollectorRegistry()
    registry.register(FleetCollector(reader))
    server, _ = start_http_server(asked.port, addr=asked.host, registry=registry)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    logging.getLogger(__name__).info("metrics=http://%s:%d/metrics", asked.host, asked.port)
    reader.keep_reading(ended, every_s=asked.every_s)
    server.shutdown()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.metrics_exporter")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=_PORT, help="port (%(default)s)")
    parser.add_argument(
        "--every-s", type=float, default=_EVERY_S, help="pause between two readings (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
