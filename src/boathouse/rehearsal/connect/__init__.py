"""Spark Connect as a workspace offers it: catalogs of three levels, rights, and the SQL that only it knows."""

from boathouse.rehearsal.connect.server import ConnectServer, serve_connect

__all__ = ["ConnectServer", "serve_connect"]
