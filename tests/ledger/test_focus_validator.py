"""The FinOps Foundation's own validator finds nothing in our files that it could find right."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.ledger.charge_files import CSV_NAME, Correcting, write_charges
from springtide.pricing.focus import ADDED, COLUMNS, CORRECTION, focus_rows
from tests.pricing.using import a_charge_of_each_kind

pytestmark = pytest.mark.real

CLAIMED = [
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "COMMITMENT_DISCOUNT_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "REGION_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
]
CANNOT_HOLD = {
    # "null without an invoice" and "not null with one" are both asked of every row.
    "InvoiceId-C-005-C",
    # "not null with a discount's id" is asked of the rows without one; and what contains it.
    "CommitmentDiscountStatus-C-004-C",
    "CommitmentDiscountStatus-C-002-C",
    "CommitmentDiscountStatus-C-000-C",
}
"""Rules of model 1.2.0.1 that contradict their neighbour, whatever a file says."""


def pythons() -> Iterator[str]:
    """Interpreters of 3.12, by PATH and in the folder of a version manager.

    The validator refuses older ones, and has its NumPy built for no newer one.
    """
    if (found := shutil.which("python3.12")) is not None:
        yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob("versions/3.12.*/bin/python3.12")))


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The validator in an environment of its own."""
    folder = tmp_path_factory.mktemp("validator")
    for python in pythons():
        # A version manager's stand-in may start nothing: whoever makes an environment is real.
        made = subprocess.run([python, "-m", "venv", folder], check=False, capture_output=True)
        if made.returncode == 0:
            break
    else:
        pytest.skip("focus-validator needs Python 3.12, and none is here")
    lock = Path(__file__).with_name("focus-validator.lock")
    command = [folder / "bin/pip", "install", "-qq", "--no-deps", "--require-hashes", "-r", lock]
    subprocess.run(command, check=True, timeout=250)
    return folder


@pytest.mark.parametrize("name", ["charges.csv", "charges.parquet"])
def test_the_validator_agrees(validator: Path, tmp_path: Path, name: str) -> None:
    """With corrections, too. It ends with 0 even where rules fail: what it prints counts."""
    book, charges = a_charge_of_each_kind()
    types = {column.name: column.type.value for column in COLUMNS}
    write_charges(focus_rows(charges[1:], book), types, tmp_path / "before")
    correcting = Correcting(tmp_path / "before" / CSV_NAME, ADDED, *CORRECTION)
    corrected = [charges[0], *charges[2:]]
    write_charges(focus_rows(corrected, book), types, tmp_path, correcting=correcting)
    (packages,) = validator.glob("lib/python3.*/site-packages")
    options = ["--block-download", "--validate-version", "1.2", "--data-file", tmp_path / name]
    said = subprocess.run(
        [
            validator / "bin/focus-validator",
            *options,
            "--applicability-criteria",
            ",".join(CLAIMED),
        ],
        cwd=packages,  # it looks for its rules in the folder that it is started from
        capture_output=True,
        check=True,
        text=True,
        timeout=200,
    ).stdout
    assert CANNOT_HOLD == set(re.findall(r"^❌ (\S+): FAIL", said, re.MULTILINE))
    passed = re.search(r"Pass: (\d+)", said)
    assert passed
    assert int(passed[1]) > 300
