"""Who is let in, from where, and what every answer carries."""

from datetime import timedelta

import pytest

from bridge.outputs.http.door import Rates
from bridge.outputs.http.principal import Role

from .conftest import NOW, Browse, House

TICK = {"quotes": [{"symbol": "AAPL", "bid_px": "187.20"}]}


@pytest.fixture(autouse=True)
def quotes(house: House) -> None:
    async def quotes(quotes: list[dict[str, str]], trades: list[dict[str, str]], caller: str) -> dict[str, object]:
        return {"accepted": len(quotes) + len(trades), "refused": []}

    house.script("quotes", quotes)


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "10.2.3.4", "LOCALHOST", "desk.example"]
)
async def test_addresses_and_listed_names_are_answered(browse: Browse, host: str) -> None:
    answer = await browse(hosts=("localhost", "desk.example")).get("/healthz", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8080", "", "127.0.0.1.nip.io"])
async def test_a_rebound_name_is_misdirected(browse: Browse, host: str) -> None:
    answer = await browse().get("/healthz", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["type"] == "/problems/misdirected"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8080"])
async def test_a_foreign_page_may_change_nothing(browse: Browse, origin: str) -> None:
    answer = await browse().post("/v1/quotes", json=TICK, headers={"origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_cross_site_change_without_an_origin_is_refused_too(browse: Browse, site: str) -> None:
    answer = await browse().post("/v1/quotes", json=TICK, headers={"sec-fetch-site": site})
    assert answer.status_code == 403


async def test_our_own_page_and_listed_origins_may(browse: Browse) -> None:
    client = browse(origins=("https://desk.example",))
    for origin in ("http://127.0.0.1:8080", "https://desk.example"):
        assert (await client.post("/v1/quotes", json=TICK, headers={"origin": origin})).status_code == 200


async def test_without_a_token_only_loopback_is_let_in(browse: Browse) -> None:
    assert (await browse(address="127.0.0.1").post("/v1/quotes", json=TICK)).status_code == 200
    assert (await browse(address="::1").post("/v1/quotes", json=TICK)).status_code == 200
    answer = await browse(address="10.1.2.3").post("/v1/quotes", json=TICK)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
async def test_a_proxy_on_this_machine_does_not_make_others_local(browse: Browse, header: str) -> None:
    answer = await browse().post("/v1/quotes", json=TICK, headers={header: "10.1.2.3"})
    assert answer.status_code == 401


async def test_outside_the_default_configuration_loopback_needs_a_token_too(browse: Browse) -> None:
    assert (await browse(open_loopback=False).post("/v1/quotes", json=TICK)).status_code == 401


async def test_a_token_opens_and_a_wrong_one_closes_even_on_loopback(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("feeder", Role.FEED)
    assert (await browse(address="10.1.2.3", token=secret).post("/v1/quotes", json=TICK)).status_code == 200
    assert (await browse(token=secret + "x").post("/v1/quotes", json=TICK)).status_code == 401
    house.tokens.revoke("feeder")
    assert (await browse(token=secret).post("/v1/quotes", json=TICK)).status_code == 401


async def test_the_cookie_is_as_good_as_the_header(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("feeder", Role.FEED)
    client = browse(address="10.1.2.3")
    client.cookies.set("fixbridge", secret)
    assert (await client.post("/v1/quotes", json=TICK)).status_code == 200


async def test_a_role_may_what_it_covers_and_nothing_else(browse: Browse, house: House) -> None:
    for role, status in {Role.READ: 403, Role.TRADE: 403, Role.RISK: 403, Role.FEED: 200, Role.ADMIN: 200}.items():
        secret, _ = house.tokens.create(role.value, role, expires=NOW + timedelta(days=1))
        answer = await browse(token=secret).post("/v1/quotes", json=TICK)
        assert answer.status_code == status, role


async def test_more_than_the_burst_is_throttled_and_told_when_to_come_back(browse: Browse) -> None:
    client = browse(rate=1.0, burst=3.0)
    codes = [(await client.get("/healthz")).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert int((await client.get("/healthz")).headers["retry-after"]) >= 1


def test_a_bucket_fills_again_with_time() -> None:
    now = 0.0
    rates = Rates(2.0, 2.0, lambda: now)
    assert [rates.take("a"), rates.take("a")] == [0.0, 0.0]
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0.0
    now = 0.5
    assert rates.take("a") == 0.0


def test_buckets_of_names_that_went_away_are_forgotten() -> None:
    now = 0.0
    rates = Rates(1.0, 1.0, lambda: now)
    for number in range(4096):
        rates.take(str(number))
    now = 10.0
    rates.take("one more")
    assert len(rates._buckets) == 1


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_only_json_is_read(browse: Browse, media_type: str) -> None:
    answer = await browse().post("/v1/quotes", content=b"{}", headers={"content-type": media_type})
    assert answer.status_code == 415


async def test_a_body_over_64_kib_is_too_large(browse: Browse) -> None:
    answer = await browse().post("/v1/quotes", content=b" " * 65537, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


async def test_every_answer_carries_the_security_headers(browse: Browse) -> None:
    for path in ("/healthz", "/nowhere", "/metrics"):
        headers = (await browse().get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_an_unknown_path_and_a_wrong_method_are_problems(browse: Browse) -> None:
    assert (await browse().get("/v1/nowhere")).json()["type"] == "/problems/not-found"
    answer = await browse().delete("/v1/quotes")
    assert answer.json()["type"] == "/problems/method-not-allowed"
    assert "POST" in answer.headers["allow"]


async def test_requests_are_counted_by_route_and_not_by_path(browse: Browse, house: House) -> None:
    await browse().get("/healthz")
    await browse().get("/secret/../../etc/passwd")
    assert house.observed == [("/healthz", "GET", 200), ("other", "GET", 404)]
