"""The description is complete and true: checked in, and held against the running interface by schemathesis."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import msgspec
import pytest

from bridge.outputs.http import asyncapi
from bridge.outputs.http.app import ROOT, V1
from bridge.outputs.http.openapi import described, document
from bridge.outputs.http.principal import Role
from bridge.outputs.http.server import serve

from .conftest import House
from .test_orders import entered

DOCS = Path(__file__).parents[4] / "docs"


def schemathesis() -> list[str] | None:
    """How to run it: from this environment, or from the one FIXBRIDGE_SCHEMATHESIS names."""
    named = os.environ.get("FIXBRIDGE_SCHEMATHESIS")
    if named is not None:
        return [named]
    if importlib.util.find_spec("schemathesis") is not None:
        return [sys.executable, "-m", "schemathesis.cli"]
    found = shutil.which("schemathesis")
    return [found] if found is not None else None


def test_the_checked_in_description_is_the_one_served() -> None:
    assert (DOCS / "openapi.json").read_bytes() == document(version("fixbridge")), "make docs writes it anew"


def test_the_checked_in_description_of_mqtt_and_websocket_is_the_generated_one() -> None:
    assert (DOCS / "asyncapi.yaml").read_bytes() == asyncapi.document(version("fixbridge")), "make docs writes it anew"


def test_every_frame_and_topic_is_described() -> None:
    description = asyncapi.described("1")
    assert set(description["channels"]["stream"]["messages"]) == {
        kind.__name__ for kind in (*asyncapi.CLIENT, *asyncapi.SERVER)
    }
    assert description["channels"]["events"]["address"] == "fixbridge/{bridge}/events/{account}/{type}/{symbol}"
    assert description["components"]["schemas"]["Subscribed"]["required"] == ["op", "id", "from"]


def test_every_route_is_described_and_every_reference_leads_somewhere() -> None:
    description = described(ROOT, V1, "1")
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    assert len(operations) == len(ROOT) + len(V1)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    text = msgspec.json.encode(description).decode()
    for name in description["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in text
    assert "$(?!" not in text


def test_quantities_and_prices_are_strings_with_the_pattern() -> None:
    schemas = described(ROOT, V1, "1")["components"]["schemas"]
    assert schemas["OrderState"]["properties"]["cum_qty"] == {
        "type": "string",
        "format": "decimal",
        "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
    }
    price = schemas["NewOrderIn"]["properties"]["price"]["anyOf"][0]
    assert price["pattern"] == r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"


async def test_it_is_served_to_everybody(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/openapi.json")).json()["openapi"] == "3.1.0"


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(schemathesis() is None and os.environ.get("CI") != "true", reason="schemathesis is not installed")
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role.value if role else "nobody")
async def test_schemathesis_finds_nothing_untrue(house: House, role: Role | None) -> None:
    command = schemathesis()
    assert command is not None
    server = await serve(house.app(open_loopback=False), "127.0.0.1", 0)
    headers = []
    if role is not None:
        secret, _ = house.tokens.create(role.value, role)
        headers = ["--header", f"Authorization: Bearer {secret}"]
        admin, _ = house.tokens.create("setup", Role.ADMIN)
        async with httpx.AsyncClient(base_url=server.url, headers={"authorization": f"Bearer {admin}"}) as client:
            await entered(client)
            await entered(client, cl_ord_id="A-2", ord_type="market", price=None)
    examples = "25" if role is Role.ADMIN else "5"
    run = await asyncio.create_subprocess_exec(
        *command,
        "run",
        f"{server.url}/v1/openapi.json",
        *headers,
        "--max-examples",
        examples,
        "--phases",
        "examples,coverage,fuzzing,stateful" if role is Role.ADMIN else "examples,coverage,fuzzing",
        "--checks",
        "all",
        "--exclude-checks",
        # a 4xx is right for well-formed orders that risk refuses, and roles are tested elsewhere
        "positive_data_acceptance,ignored_auth",
        "--exclude-operation-id",
        "drain",
        "--seed",
        "7",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await run.communicate()
    await server.stop()
    assert run.returncode == 0, output.decode()[-20_000:]
