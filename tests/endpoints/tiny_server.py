"""A server with faults on request: slow, failing, stalling, or without an end."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client goes; their body says how."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        except (asyncio.IncompleteReadError, ConnectionError):
            break
        length = int(head.partition("content-length: ")[2].partition("\r")[0] or 0)
        wanted = json.loads(await reader.readexactly(length) or b"{}")
        await asyncio.sleep(wanted.get("wait", 0))
        if wanted.get("hang_up"):
            break
        body = b'{"predictions":[]}'
        status = wanted.get("status", 200)
        sys.stderr.write("x" * wanted.get("say", 0))
        close = "Connection: close\r\n" if wanted.get("close") else ""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{close}\r\n".encode() + body)
        if close:
            break
    writer.close()


async def main(port: int) -> None:
    """Serve on the loopback."""
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--child", action="store_true")
    given = parser.parse_args()
    if given.fail:
        sys.exit("the port is mine")
    if given.child:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    asyncio.run(asyncio.sleep(600) if given.never_ready else main(given.port))
