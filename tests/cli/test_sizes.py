"""Sizes and counts as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.cli.sizes import MOST, format_count, format_size, parse_count, parse_size

NUMBERS = st.integers(1, MOST) | st.integers(1, 1000).map(lambda number: number << 20)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("1", 1), ("500000", 500_000), ("1b", 1), ("1K", 1024), ("10M", 10 << 20)),
        *(("2GiB", 2 << 30), ("2gib", 2 << 30), ("3MB", 3_000_000), ("1T", 1 << 40)),
    ],
)
def test_sizes_are_read_as_coreutils_reads_them(text: str, size: int) -> None:
    """K and KiB are 1024 bytes, KB is 1000, in any case of letters."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "M", "1.5M", "10X", "1 M", "1e3", "\u0663", "9" * 20]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    """Anything else is refused, whether as a size or as a count, and the message quotes it."""
    for parse in (parse_size, parse_count):
        with pytest.raises(typer.BadParameter, match=r"is (not|too)"):
            parse(text)


def test_counts_are_decimal_and_have_no_bytes() -> None:
    """100M pixels are a hundred million; pixels are not counted in bytes."""
    assert parse_count("100M") == 100_000_000
    with pytest.raises(typer.BadParameter):
        parse_count("100MB")


@given(NUMBERS)
def test_what_help_shows_is_read_back(number: int) -> None:
    """A default as the help shows it can be typed as it stands."""
    assert parse_size(format_size(number)) == number
    assert parse_count(format_count(number)) == number


@pytest.mark.parametrize("parse", [parse_size, parse_count])
def test_nothing_is_too_few(parse: Callable[[str], int]) -> None:
    """Zero is refused with the smallest value allowed, not with a list of forms."""
    with pytest.raises(typer.BadParameter, match=r"must be at least 1$"):
        parse("0")
