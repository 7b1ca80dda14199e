"""Sizes in the settings: bytes or a unit, and a clear no to everything else."""

from __future__ import annotations

import pytest

from sluice.errors import UsageError
from sluice.settings import load


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20_000_000_000), ("20 gib", 20 << 30), ("1.5MB", 1_500_000), ("512", 512), ("7B", 7), ("3k", 3000), ("", None),
    ],
)  # fmt: skip
def test_sizes_are_read_with_and_without_unit(text: str, size: int | None) -> None:
    assert load({"SLUICE_DISK_LIMIT": text}).disk_limit == size


def test_the_memory_limit_has_a_default_and_reaches_the_engine_in_bytes() -> None:
    assert load({}).memory_limit == "2000000000B"
    assert load({"SLUICE_MEMORY_LIMIT": "1GiB"}).memory_limit == "1073741824B"


@pytest.mark.parametrize("name", ["SLUICE_DISK_LIMIT", "SLUICE_MEMORY_LIMIT"])
@pytest.mark.parametrize("text", ["much", "-1", "0", "0.1B", "20 parsecs", "GB", "1e9", "80%"])
def test_what_is_no_size_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=name):
        load({name: text})
