"""The console's files, read once and served from memory: no build step, no other host (OUTPUTS.md section 8)."""

import hashlib
from pathlib import Path

from bridge.outputs.http.door import Receive, Scope, Send

DIRECTORY = Path(__file__).parent / "console"
PREFIX = "/console/"
PAGES = ("orders", "positions", "risk", "sessions", "brokers", "cost", "journal", "entries", "settings")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Console:
    """An ASGI application for `/`, the pages' addresses and `/console/…`. `has` says whether a path is one of these."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._files: dict[str, tuple[str, str, bytes]] = {}
        for path in sorted(directory.rglob("*")):
            kind = TYPES.get(path.suffix)
            if kind is not None and path.is_file():
                body = path.read_bytes()
                tag = f'"{hashlib.blake2s(body, digest_size=8).hexdigest()}"'
                self._files[PREFIX + path.relative_to(directory).as_posix()] = (kind, tag, body)

    def has(self, path: str) -> bool:
        """True for a file of the console and for the address of a page."""
        return path in self._files or path == "/" or path.strip("/").split("/", 1)[0] in PAGES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Every page is the same document: its address tells the script what to show."""
        scope["path_template"] = "/console"
        kind, tag, body = self._files.get(scope["path"]) or self._files[PREFIX + "index.html"]
        status = 200
        if dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1") == tag:
            status, body = 304, b""
        headers = [
            (b"content-type", kind.encode()),
            (b"etag", tag.encode()),
            (b"cache-control", b"no-cache"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
