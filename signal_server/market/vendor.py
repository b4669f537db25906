"""The vendor's Python client: `polygon`, or `massive` as it is called now. Their classes agree."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from signal_server.core.errors import ConfigError

PACKAGES = {"polygon": "polygon-api-client", "massive": "massive"}
"""The clients by module, in the order in which they are looked for, and what to install."""
KEY_HINT = "set SIGNAL_SERVER_POLYGON_API_KEY to a valid Polygon.io key"


@dataclass(frozen=True, slots=True)
class VendorClient:
    """The classes of one of the vendor's clients; both clients' take the same arguments."""

    name: str
    rest: type[Any]
    websocket: type[Any]
    auth_error: type[Exception]
    bad_response: type[Exception]


def vendor_client(name: str = "auto") -> VendorClient:
    """Return the client of that name; `auto` is the first of `PACKAGES` that is installed.

    Raises `ConfigError` if it is not installed.
    """
    wanted = tuple(PACKAGES) if name == "auto" else (name,)
    found = next((module for module in wanted if find_spec(module)), None)
    if found is None:
        packages = " or ".join(PACKAGES.get(module, module) for module in wanted)
        raise ConfigError(f"polygon.client is {name}, which is not installed; install {packages}")
    client, errors = import_module(found), import_module(f"{found}.exceptions")
    return VendorClient(
        name=found,
        rest=client.RESTClient,
        websocket=client.WebSocketClient,
        auth_error=errors.AuthError,
        bad_response=errors.BadResponse,
    )
