"""The filters of the queue: what a page's address asks for, and the fields to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from hashmatch.cases import OPEN, Decision, Filters, Order, QueuePage
from hashmatch.service.pages.render import words
from hashmatch.text import count

_NAMES = ("status", "list", "category", "band", "door", "age", "order")
_BANDS = ("equal", "close", "far", "edge")
_ORDERS = (
    (Order.NEWEST, "newest first"),
    (Order.DOUBTFUL, "likely mistakes first"),
    (Order.CERTAIN, "nearest first"),
)
_AGES = (("day", "in the last day"), ("week", "in the last week"), ("older", "over a week ago"))
_WEEK = timedelta(days=7)
_MOST = {"day": timedelta(days=1), "week": _WEEK}


def chosen_filters(asked: Mapping[str, str]) -> dict[str, str]:
    """What a page's address asks for, without what is not a filter."""
    return {name: asked[name] for name in _NAMES if asked.get(name)}


def read_filters(chosen: Mapping[str, str]) -> tuple[Filters, Order]:
    """The filters and the order that are chosen; invalid values are ignored."""
    age, order, status = (chosen.get(name, "") for name in ("age", "order", "status"))
    found = Filters(
        status=status if status in set(Decision) else OPEN,
        list=chosen.get("list"),
        category=chosen.get("category"),
        band=chosen.get("band"),
        door=chosen.get("door"),
        min_age=_WEEK if age == "older" else None,
        max_age=_MOST.get(age),
    )
    return found, Order(order) if order in set(Order) else Order.OLDEST


def fields(
    known: Mapping[str, Sequence[str]],
) -> list[tuple[str, str, Sequence[tuple[str, str]], str]]:
    """For each field its name, its title, its values with what they are called, and the default."""

    def same(values: Sequence[str]) -> list[tuple[str, str]]:
        return [(value, value) for value in values]

    return [
        ("status", "Status", [(str(each), words(each)) for each in Decision], "waiting"),
        ("list", "List", same(known["list"]), "any"),
        ("category", "Category", same(known["category"]), "any"),
        ("band", "Distance", same(_BANDS), "any"),
        ("door", "Door", same(known["door"]), "any"),
        ("age", "Found", _AGES, "at any time"),
        ("order", "Order", _ORDERS, "oldest first"),
    ]


def heading(found: QueuePage, status: str) -> str:
    """How many cases there are."""
    number = f"More than {found.count:,} cases" if found.more else count(found.count, "case")
    return f"{number} waiting" if status == OPEN else f"{number}: {words(status)}"
