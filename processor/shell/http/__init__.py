"""The HTTP edge: calls go out here, replies come back as values."""

from processor.shell.http.edge_settings import EdgeSettings, EdgeSettingsError, Engine
from processor.shell.http.engines import open_client, open_transport
from processor.shell.http.rokt_client import RoktClient
from processor.shell.http.transport import Withheld

__all__ = [
    "EdgeSettings",
    "EdgeSettingsError",
    "Engine",
    "RoktClient",
    "Withheld",
    "open_client",
    "open_transport",
]
