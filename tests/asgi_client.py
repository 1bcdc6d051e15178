"""A client of an ASGI application in the same process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


class AsgiClient:
    """Requests one after another, on one event loop."""

    def __init__(self, app: Any) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.session = httpx.AsyncClient(transport=transport, base_url="http://testserver")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.run(self.session.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def run(self, work: Any) -> Any:
        """Return what a coroutine returns, from the client's loop."""
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.session.aclose())
        self._runner.close()
