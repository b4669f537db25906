"""Both names of the vendor's client give the same classes."""

import importlib.util

import pytest

from signal_server.core.config import PolygonConfig
from signal_server.core.errors import ConfigError
from signal_server.market import vendor as vendor_module
from signal_server.market.vendor import PACKAGES, vendor_client


@pytest.mark.parametrize("name", PACKAGES)
def test_a_client_is_taken_by_its_name(name: str) -> None:
    client = vendor_client(name)
    assert client.name == name
    for kind in (client.rest, client.websocket, client.auth_error, client.bad_response):
        assert kind.__module__.split(".")[0] == name


def test_auto_takes_what_is_installed_and_polygon_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PolygonConfig.model_fields["client"].default == "auto"
    assert vendor_client().name == "polygon"
    monkeypatch.setattr(
        vendor_module,
        "find_spec",
        lambda name: None if name == "polygon" else importlib.util.find_spec(name),
    )
    assert vendor_client("auto").name == "massive"


@pytest.mark.parametrize(
    ("name", "advice"),
    [("massive", "install massive"), ("auto", "install polygon-api-client or massive")],
)
def test_a_missing_client_is_named(monkeypatch: pytest.MonkeyPatch, name: str, advice: str) -> None:
    monkeypatch.setattr(vendor_module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=advice):
        vendor_client(name)
