"""How commands are declared, and what all of them have in common.

A command takes one settings object, a frozen dataclass: its fields are the options and arguments,
and fields that are dataclasses themselves are groups of options that several commands share. Each
group names the panel of ``--help`` that shows it.
"""

from __future__ import annotations

import copy
import gc
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand

from hashmatch.cli.files import Use, check_apart, check_local
from hashmatch.cli.sizes import SHOWN, parse_count, parse_size

_PANEL = "Options"

_GARBAGE = 20_000
"""New objects before Python collects garbage; its own default is 700.

A thousand files in flight are many objects and no garbage: collecting again and again took a
seventh of the time of scanning known files.
"""

_NAMES = 28
"""Columns for the names of options; the help of one with a longer name begins on the next line."""


def option(
    metavar: str,
    text: str,
    *names: str,
    completes: Callable[[], Iterable[str]] | None = None,
    **more: Any,
) -> Any:
    """Declare an option with a value.

    Args:
        metavar: what the value is called. ``text|jsonl`` is a closed set: any other value is
            refused.
        text: the help.
        *names: of the option, if not that of the field.
        completes: returns the values that shells complete, where ``metavar`` does not list them.
        **more: as of ``typer.Option``.
    """
    if "|" in metavar:
        values = metavar.split("|")
        completes = lambda: values  # noqa: E731 # as short as its name
        more.setdefault("parser", _one_of(values))
    if completes is not None:
        more["autocompletion"] = _completion(completes)
    return typer.Option(*names, metavar=metavar, help=text, **more)


def _one_of(values: Collection[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            # Without the value, which may be a hash that was meant for another place
            raise typer.BadParameter(f"choose from {', '.join(values)}")
        return text

    return parse


def _completion(values: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What Typer calls to complete a value that was begun."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values() if value.startswith(incomplete)]

    return complete


def number(metavar: str, text: str) -> Any:
    """Declare an option whose value is a whole number from 1 up, such as ``100K``."""
    return option(metavar, text, parser=parse_count)


def size(text: str) -> Any:
    """Declare an option whose value is a number of bytes, such as ``256M``."""
    return option("SIZE", text, parser=parse_size)


def switch(name: str, text: str, *names: str) -> Any:
    """Declare an option without a value."""
    return typer.Option(name, *names, help=text)


def argument(metavar: str, text: str) -> Any:
    """Declare an argument."""
    return typer.Argument(metavar=metavar, help=text, show_default=False)


def takes_settings(command: Callable[[Any], int]) -> Callable[..., int]:
    """Give a command the options that the fields of its one parameter's class declare.

    Where a group has a default, none of its options is required. An option that the outer class
    declares replaces a group's option of the same name.
    """
    [asked] = inspect.signature(command, eval_str=True).parameters.values()
    parameters = list(_parameters(asked.annotation))

    @wraps(command)
    def run(**values: Any) -> int:
        return command(_build(asked.annotation, values))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # as inspect reads it
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _parameters(
    kind: Any, taken: frozenset[str] = frozenset(), *, optional: bool = False
) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        hint = hints[each.name]
        if is_dataclass(hint):
            has_default = each.default is not MISSING
            yield from _parameters(hint, taken | frozenset(hints), optional=has_default)
        elif each.name not in taken:
            default: Any = each.default
            if default is MISSING:
                default = None if optional else inspect.Parameter.empty
            declared, option, *marks = get_args(hint)
            option = copy.copy(option)  # another command may show it in another panel
            option.rich_help_panel = getattr(kind, "PANEL", None)
            if option.parser in SHOWN and default is not None:
                default = SHOWN[option.parser](default)
            yield inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[(declared | None if optional else declared, option, *marks)],
            )


def _build(kind: Any, values: dict[str, Any], taken: frozenset[str] = frozenset()) -> Any:
    hints = get_type_hints(kind)
    chosen = {}
    for each in fields(kind):
        hint = hints[each.name]
        if is_dataclass(hint):
            chosen[each.name] = _build(hint, values, taken | frozenset(hints))
        elif each.name not in taken:
            value = values[each.name]
            chosen[each.name] = [] if value is None and each.default is MISSING else value
    return kind(**chosen)


class PanelCommand(TyperCommand):
    """A command that groups its options in panels, and never writes a file that it also reads."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, unless its files are URLs or overlap."""
        used = list(self._used(ctx.params))
        check_local(used)
        check_apart(used)
        gc.freeze()  # what is loaded so far is never collected
        gc.set_threshold(_GARBAGE)
        return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage, without the braces that Typer puts around required arguments."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub(r"[{}]|\.\.\.(?=})", "", piece) for piece in pieces]

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 # a long line is wrapped
        """The first sentence of the help, whole."""
        return " ".join((self.help or "").partition("\n\n")[0].split())

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and the options under the headings of their panels."""
        for panel, records in self.panels(ctx).items():
            with formatter.section(panel):
                formatter.write_dl(records, col_max=_NAMES)

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Each argument and option with its help, by panel."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                # Typer adds the Python type, which means nothing to users
                name = str(parameter.metavar).rstrip(".") + ("..." if parameter.nargs != 1 else "")
                panels["Arguments"].append((name, record[1]))
            else:
                panel = getattr(parameter, "rich_help_panel", None) or _PANEL
                panels.setdefault(panel, []).append(record)
        return {panel: records for panel, records in panels.items() if records}

    def _used(self, values: dict[str, Any]) -> Iterator[tuple[str, Any, Use]]:
        """Each option that names a file, its value, and how the command uses that file."""
        marked = inspect.signature(self.callback or self.invoke, eval_str=True).parameters
        for parameter in self.params:
            name = str(parameter.name)
            value = values.get(name)
            if value is None or name not in marked:
                continue
            option = parameter.opts[0]
            said = option if option.startswith("-") else str(parameter.metavar)
            for use in uses_of(marked[name].annotation):
                for each in value if isinstance(value, (list, tuple)) else [value]:
                    yield said, each, use


def uses_of(annotation: Any) -> list[Use]:
    """The marks in an option's annotation."""
    return [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Use)]


def single(name: str, command: Callable[..., int]) -> typer.Typer:
    """A command directly below ``hashmatch``."""
    made = _Group(rich_markup_mode=None, add_completion=False)
    made.command(name)(command)
    return made


def group(name: str, description: str, **settings: Any) -> typer.Typer:
    """A group of commands; without a command it shows its help and exits 0."""
    made = _Group(
        name=name, help=description, rich_markup_mode=None, **{"add_completion": False} | settings
    )
    made.callback(invoke_without_command=True)(show_help)
    return made


def show_help(ctx: typer.Context) -> None:
    """Show the help of a group that is called without a command."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


class _Group(typer.Typer):
    def command(self, name: str | None = None, **settings: Any) -> Any:
        return super().command(name, cls=PanelCommand, **settings)
