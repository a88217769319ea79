"""`springtide sandbox`: a cloud in a process, to rehearse on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from springtide.errors import Misconfigured
from springtide.estate import read_model, read_yaml
from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.haproxy import HAProxyError
from springtide.sandbox.object_store import ObjectStoreError
from springtide.sandbox.process import Sandbox, serve
from springtide.sandbox.sockets import AddressBusyError


def run_sandbox(
    clouds_yaml: Annotated[
        Path,
        typer.Option(
            help="Where to write the clouds.yaml that leads to it; never over one of other clouds."
        ),
    ] = Path("clouds.yaml"),
    config: Annotated[
        Path | None, typer.Option(help="YAML file with regions, quotas, boot times, rate limits.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Where to write its addresses as JSON once it answers.")
    ] = None,
) -> None:
    """Run a sandbox cloud on 127.0.0.1 until Ctrl-C."""
    # The folder's clouds.yaml is what openstacksdk reads first: credentials may stand in it.
    if clouds_yaml.is_file() and not _is_a_sandboxs(clouds_yaml):
        raise Misconfigured(f"{clouds_yaml} is no sandbox's: name another file by --clouds-yaml")

    def ready(sandbox: Sandbox) -> None:
        sandbox.clouds_yaml(clouds_yaml)
        front = sandbox.control(lambda _: sandbox.cloud.dataplane.front_url)
        typer.echo(f"cloud:   OS_CLIENT_CONFIG_FILE={clouds_yaml} OS_CLOUD=sandbox openstack …")
        typer.echo(f"control: {sandbox.url}/admin/state")
        typer.echo(f"entry:   {front or 'none: HAProxy is not installed'}")
        if sandbox.object_store is not None:
            typer.echo(f"objects: {sandbox.object_store.url}")
        if ready_file is not None:
            # Whoever waits for the file is to find all of it.
            partial = ready_file.with_name(f".{ready_file.name}")
            partial.write_text(json.dumps({"url": sandbox.url, "front_url": front}))
            partial.replace(ready_file)

    try:
        serve(_read_config(config), ready)
    except AddressBusyError as error:
        raise Misconfigured(str(error.strerror)) from error
    except (HAProxyError, ObjectStoreError) as error:
        raise Misconfigured(str(error)) from error


def _is_a_sandboxs(path: Path) -> bool:
    """Whether a clouds.yaml is empty, or names nothing but a sandbox."""
    if path.stat().st_size == 0:
        return True
    try:
        found = read_yaml(path)
    except Misconfigured:
        return False
    match found:
        case {"clouds": {"sandbox": {"auth": {"auth_url": str(url)}}, **others}, **more}:
            return url.startswith("http://127.0.0.1:") and not others and not more
    return False


def _read_config(path: Path | None) -> SandboxConfig:
    return SandboxConfig() if path is None else read_model(path, SandboxConfig)
