"""`python -m deployments.surge_gateway serve|token`: run the gateway, or make a token for it."""

import argparse
import logging
import os
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from deployments.surge_gateway.access import Scope, Token, new_token
from deployments.surge_gateway.app import make_gateway
from deployments.surge_gateway.configuration import load_configuration
from deployments.surge_gateway.runs import SurgeRuns
from springtide.errors import Misconfigured, SpringtideError
from springtide.estate import estate_path, load_estate
from springtide.model.mistakes import mistakes

_PORT = 8775


def main() -> None:
    """Do what the command line asks for."""
    asked = _arguments()
    try:
        if asked.command == "token":
            _print_token(asked)
        else:
            _serve(asked)
    except SpringtideError as error:
        sys.exit(str(error))


def _serve(asked: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Its lines of every call would hold nothing that ours do not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    api_url = os.environ.get("PREFECT_API_URL")
    if not api_url:
        sys.exit("PREFECT_API_URL is not set: it names Prefect's API, e.g. http://…:4200/api")
    estate = load_estate(estate_path())
    configuration = load_configuration(asked.configuration, estate)
    gateway = make_gateway(configuration, estate, SurgeRuns(api_url, configuration.deployment))
    uvicorn.run(gateway, host=asked.host, port=asked.port, access_log=False, log_config=None)


def _print_token(asked: argparse.Namespace) -> None:
    token, digest = new_token()
    given = {"name": asked.name, "sha256": digest, "scopes": asked.scope, "fleets": asked.fleet}
    try:
        entry = Token.model_validate(given)
    except ValidationError as error:
        raise Misconfigured("; ".join(mistakes(error, Token))) from error
    sys.stderr.write("The token, shown this once:\n")
    sys.stdout.write(f"{token}\n")
    sys.stderr.write(
        "Its entry below `tokens` in the gateway's configuration:\n"
        f'  - name: {entry.name}\n    sha256: "{digest}"\n'
        f"    scopes: [{', '.join(entry.scopes)}]\n    fleets: [{', '.join(entry.fleets)}]\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.surge_gateway")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the gateway")
    serve.add_argument("configuration", type=Path)
    serve.add_argument("--host", default="127.0.0.1", help="TLS is the proxy's before it")
    serve.add_argument("--port", type=int, default=_PORT)
    token = commands.add_parser("token", help="make a token")
    token.add_argument("name")
    token.add_argument("--scope", type=Scope, action="append", required=True)
    token.add_argument("--fleet", action="append", default=[], help="all, unless named")
    return parser.parse_args()


if __name__ == "__main__":
    main()
