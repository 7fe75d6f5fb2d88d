"""The configuration's JSON Schema: printed for editors, and walked to say what is allowed at a key."""

from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter

from bridge.settings.broker import BrokerSpec
from bridge.settings.tree import BridgeConfig, Settings

SECRETS = frozenset(
    {"api_key", "apiKey", "api_secret", "apiSecret", "password", "password_hash", "hmac_secret", "token"}
)


def documents_schema() -> dict[str, Any]:
    """JSON Schema of one document of any kind."""
    schema = TypeAdapter(BridgeConfig | BrokerSpec).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fixbridge configuration document",
        **schema,
    }


class Walker:
    """Finds the schema at a path and puts it into words."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = Settings.model_json_schema(by_alias=True)
        self.definitions: dict[str, dict[str, Any]] = self.root["$defs"]

    def at(self, path: tuple[str | int, ...]) -> dict[str, Any] | None:
        """The schema of the value at `path`, None where the path leads out of the schema."""
        node: dict[str, Any] | None = self.root
        for step in path:
            node = self._step(self._resolve(node), step) if node is not None else None
        return self._resolve(node) if node is not None else None

    def keys(self, path: tuple[str | int, ...]) -> list[str]:
        """Keys that may stand in the mapping at `path`."""
        node = self.at(path)
        return list(node.get("properties", {})) if node else []

    def closest(self, path: tuple[str | int, ...], key: str) -> str | None:
        """The key somebody probably meant: in the same mapping, else anywhere in the tree with its whole path."""
        here = self.keys(path)
        by_bare = {_bare(name): name for name in here}
        if found := get_close_matches(_bare(key), by_bare, n=1, cutoff=0.7):
            return by_bare[found[0]]
        for where in self._all_paths(self.root, ()):
            if _bare(where[-1]) == _bare(key):
                return ".".join(where)
        return None

    def allowed(self, path: tuple[str | int, ...]) -> str:
        """In words, what may stand at `path`; empty where nothing helpful can be said."""
        node = self.at(path)
        return self._words(node) if node else ""

    def is_path(self, path: tuple[str | int, ...]) -> bool:
        """Whether a file name stands there."""
        node = self.at(path)
        return node is not None and node.get("format") == "path"

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = self.definitions[node["$ref"].rsplit("/", 1)[1]]
        options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
        return self._resolve(options[0]) if len(options) == 1 else node

    def _step(self, node: dict[str, Any], step: str | int) -> dict[str, Any] | None:
        if isinstance(step, int):
            items = node.get("items")
            return items if isinstance(items, dict) else None
        properties = node.get("properties", {})
        if step in properties:
            found: dict[str, Any] = properties[step]
            return found
        extra = node.get("additionalProperties")
        return extra if isinstance(extra, dict) else None

    def _all_paths(self, node: dict[str, Any], path: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for key, value in self._resolve(node).get("properties", {}).items():
            found.append((*path, key))
            found.extend(self._all_paths(value, (*path, key)))
        return found

    def _words(self, node: dict[str, Any]) -> str:
        node = self._resolve(node)
        if node.get("title") == "Secret":
            return "{env: NAME}, {file: PATH} or ${NAME}"
        if "const" in node:
            return str(node["const"])
        if "enum" in node:
            return ", ".join(map(str, node["enum"]))
        options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
        numbers = [option for option in options if option.get("type") == "number"]
        if numbers and all(option.get("type") == "number" or _plain_text(option) for option in options):
            return "a number" + _bounds(numbers[0])  # a Decimal may also be written as text
        if options:
            return " or ".join(filter(None, map(self._words, options)))
        kind = node.get("type")
        if kind in ("integer", "number"):
            return ("a whole number" if kind == "integer" else "a number") + _bounds(node)
        if kind == "boolean":
            return "true, false"
        if kind == "array":
            return f"a list: {self._words(node.get('items', {}))}".removesuffix(": ")
        if kind == "object":
            keys = ", ".join(node.get("properties", ()))
            return f"a mapping with the keys {keys}" if keys else "a mapping"
        if node.get("format") == "path":
            return "a path"
        if node.get("format") == "time":
            return "a time of day as 17:00"
        if "pattern" in node:
            return f"text of the form {node['pattern']}"
        return "text" if kind == "string" else ""


def _plain_text(node: dict[str, Any]) -> bool:
    return node.get("type") == "string" and "enum" not in node and "const" not in node


def _bare(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _bounds(node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above = node.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if above is not None:
        return f" above {above:g}" + (f" up to {high:g}" if high is not None else "")
    if low is not None:
        return f" of at least {low:g}"
    return f" of at most {high:g}" if high is not None else ""
