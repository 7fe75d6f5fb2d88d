"""Fetch the console's two libraries from the npm registry, check them, and put them beside their licences.

Run by people: `python bridge/outputs/http/console/vendor.py`. What it writes is checked in, so the console needs no
build and no other host. Versions and the registry's own integrity hashes are pinned here.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "vendor"
PACKAGES = {
    "htm@3.1.1": (
        "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        {"package/preact/standalone.module.js": "preact.js", "package/LICENSE": "LICENSE-htm"},
    ),
    "preact@10.29.8": (
        None,  # only its licence: htm's standalone file contains Preact
        {"package/LICENSE": "LICENSE-preact"},
    ),
    "uplot@1.6.32": (
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {
            "package/dist/uPlot.iife.min.js": "uplot.js",
            "package/dist/uPlot.min.css": "uplot.css",
            "package/LICENSE": "LICENSE-uplot",
        },
    ),
}


def main() -> int:
    """Fetch, check, write; 1 when something is not what it should be."""
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for name, (integrity, members) in PACKAGES.items():
            packed = subprocess.run(  # noqa: S603
                ["npm", "pack", "--silent", name],  # noqa: S607
                cwd=directory,
                capture_output=True,
                text=True,
                check=True,
            )
            archive = Path(directory) / packed.stdout.strip().splitlines()[-1]
            digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if integrity is not None and digest != integrity:
                print(f"{name}: {digest} is not the pinned {integrity}", file=sys.stderr)
                return 1
            with tarfile.open(archive) as tar:
                for member, target in members.items():
                    file = tar.extractfile(member)
                    assert file is not None
                    (HERE / target).write_bytes(file.read())
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(HERE.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (HERE / "SHA256SUMS").write_text("".join(sums))
    return 0


if __name__ == "__main__":
    sys.exit(main())
