"""The SDK is usable where none of the daemon's libraries is installed."""

import subprocess
import sys

DAEMON = (
    "aiomqtt", "argon2", "litestar", "prometheus_client", "pydantic", "yaml", "rich", "structlog", "typer", "uvicorn",
    "uvloop", "msgpack", "ib_async", "alpaca",
)  # fmt: skip


def test_it_imports_without_the_daemons_libraries() -> None:
    script = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {DAEMON!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import bridge.sdk, bridge.sdk.sync, bridge.sdk.fix, bridge.sdk.testing
print(sorted(name for name in sys.modules if name.startswith(("sessions", "bridge.daemon", "bridge.engine"))))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
