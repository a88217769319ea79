"""Estates to test with, and how their refusal reads."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from springtide.errors import Misconfigured
from springtide.estate import load_estate


def an_estate() -> dict[str, Any]:
    """A small valid estate, as YAML would be read."""
    return {
        "cloud": "ovh",
        "residency": ["GRA11", "SBG5"],
        "fleets": [
            {
                "name": "api",
                "image": "api-*",
                "flavour": "b2-60",
                "max_servers": 300,
                "regions": [
                    {"name": "GRA11", "network": "vrack", "pool": "api"},
                    {"name": "SBG5", "network": "vrack", "pool": "api"},
                ],
            }
        ],
        "windows": [
            {
                "name": "evening",
                "fleet": "api",
                "days": ["monday"],
                "from": "16:00",
                "until": "22:00",
                "servers": 30,
            }
        ],
    }


def written(folder: Path, content: object) -> Path:
    """An estate file with that content: text as it stands, anything else as YAML."""
    path = folder / "estate.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    path.write_text(text, encoding="utf-8")
    return path


def trouble(path: Path) -> list[str]:
    """The lines of the refusal, without the file's own name before each."""
    with pytest.raises(Misconfigured) as refused:
        load_estate(path)
    return [line.removeprefix(f"{path}: ") for line in str(refused.value).splitlines()]
