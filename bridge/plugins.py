"""`package.module:Class` and its options → an object, with errors that say what to change."""

import importlib
import inspect
import typing
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import msgspec


class PluginError(Exception):
    """The plug-in cannot be made; the message names it and says why."""


def find(use: str) -> Any:
    """The object `use` names. Raises PluginError."""
    module_name, colon, attribute = use.partition(":")
    if not colon or not module_name or not attribute:
        raise PluginError(f"{use}: expected `package.module:Class`")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise PluginError(f"{use}: there is no module {error.name}") from error
        raise PluginError(f"{use}: module {module_name} needs {error.name}, which is not installed") from error
    except Exception as error:
        raise PluginError(f"{use}: module {module_name} fails when imported: {_told(error)}") from error
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            public = [name for name, value in vars(module).items() if isinstance(value, type) and name[0] != "_"]
            close = get_close_matches(part, public, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; it has {', '.join(public) or 'no classes'}"
            raise PluginError(f"{use}: module {module_name} has no {part}{hint}") from None
    return found


def create(use: str, options: Mapping[str, Any], provided: Mapping[str, Any] | None = None) -> Any:
    """Call what `use` names with `options`, converted to the types its signature says.

    `provided` are things of the daemon (a clock, a name): passed where the signature asks for them by name. Raises
    PluginError for unknown, missing or unusable options and for whatever the constructor raises.
    """
    target = find(use)
    if not callable(target):
        raise PluginError(f"{use}: is no class and no function")
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise PluginError(f"{use}: has no signature that can be read") from error
    kinds = _types(target)
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    names = [
        name
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    arguments = {name: value for name, value in (provided or {}).items() if name in names}
    for key, value in options.items():
        if key not in names and not open_ended:
            close = get_close_matches(key, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(names) or 'none'}"
            raise PluginError(f"{use}: unknown option {key}; {hint}")
        if key in arguments:
            raise PluginError(f"{use}: option {key} is set by the daemon itself")
        try:
            arguments[key] = convert(value, kinds.get(key, Any))
        except (ValueError, TypeError, ArithmeticError) as error:
            raise PluginError(f"{use}: option {key}: {error}") from error
    missing = [name for name in names if name not in arguments and parameters[name].default is inspect.Parameter.empty]
    if missing:
        raise PluginError(f"{use}: missing option{'s' * (len(missing) > 1)} {', '.join(missing)}")
    try:
        return target(**arguments)
    except Exception as error:
        raise PluginError(f"{use}: {_told(error)}") from error


def convert(value: Any, kind: Any) -> Any:
    """`value` from YAML as `kind`: numbers become exact Decimals, words become enum members, lists become tuples.

    Raises ValueError (msgspec.ValidationError) where that cannot be.
    """
    if kind is Any or kind is inspect.Parameter.empty:
        return value
    return msgspec.convert(_exact(value), kind, strict=False, dec_hook=_as_it_is)


def _exact(value: Any) -> Any:
    """Numbers as text, so that no binary float comes between the file and a Decimal."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def _as_it_is(kind: type, value: Any) -> Any:
    try:
        matches = isinstance(value, kind)
    except TypeError:
        return value
    return value if matches else kind(value)


def _types(target: Any) -> dict[str, Any]:
    try:
        if not isinstance(target, type):
            return typing.get_type_hints(target)
        return {**typing.get_type_hints(target), **typing.get_type_hints(vars(target).get("__init__", target))}
    except (NameError, TypeError, AttributeError):
        return {}


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
