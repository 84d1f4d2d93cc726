"""``--config``: a TOML file with the options of a command."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import typer

from hashmatch.errors import SettingsError
from hashmatch.files import raising


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Read the options that the command line does not give from a file.

    A key is the long name of an option without its dashes. An option that can be repeated takes
    an array, and a switch takes true or false. Raises ``SettingsError`` for anything else.
    """
    if path is None:
        return None
    try:
        with raising(SettingsError, "cannot be read", path), open(path, "rb") as file:
            table = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"not TOML: {error}", path=str(path)) from error
    options = _options(context.command)
    defaults = {}
    for key, value in table.items():
        if key not in options:
            raise SettingsError(f"unknown option {key}", path=str(path))
        defaults[options[key].name] = _checked(key, value, options[key], path)
    context.default_map = defaults
    return path


def _options(command: Any) -> dict[str, Any]:
    return {
        name.removeprefix("--"): parameter
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
        if name.startswith("--") and name not in ("--config", "--help")
    }


def _checked(key: str, value: object, option: Any, path: Path) -> object:
    if option.is_flag:
        if not isinstance(value, bool):
            raise SettingsError(f"{key} takes true or false", path=str(path))
        return value
    if option.multiple:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise SettingsError(f"{key} takes an array of strings", path=str(path))
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SettingsError(f"{key} takes a string or a number", path=str(path))
    return str(value)
