"""The configuration: YAML documents by `kind`, the environment over them, secrets from neither. Read once, at start.

`load(files, environ)` gives `Settings` or raises `SettingsError`, which names for every fault the file, line, key, what
was found and what is allowed. Only the shell (daemon, command line) reads settings; every room takes plain arguments.
"""

from bridge.settings.broker import BrokerSpec
from bridge.settings.load import load
from bridge.settings.problems import Problem, SettingsError
from bridge.settings.secret import Secret
from bridge.settings.sessions import SessionSettings
from bridge.settings.tree import Account, BridgeConfig, Settings

__all__ = [
    "Account",
    "BridgeConfig",
    "BrokerSpec",
    "Problem",
    "Secret",
    "SessionSettings",
    "Settings",
    "SettingsError",
    "load",
]
