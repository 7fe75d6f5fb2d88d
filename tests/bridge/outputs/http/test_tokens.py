"""Tokens: shown once, stored hashed, in force and revoked at once, in every process that shares the file."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.outputs.http.principal import Role
from bridge.outputs.http.tokens import TokenError, TokenStore

from .conftest import NOW, Browse, House


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(tmp_path / "tokens.json", lambda: NOW)


def test_a_token_has_its_form_and_only_its_hash_is_kept(store: TokenStore) -> None:
    secret, _ = store.create("desk", Role.TRADE)
    assert secret.startswith("fbt_")
    assert len(secret) == 4 + 43
    assert secret not in store.path.read_text()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_token_made_or_revoked_by_another_process_counts_at_once(store: TokenStore) -> None:
    other = TokenStore(store.path, lambda: NOW)
    secret, _ = store.create("desk", Role.TRADE, accounts=("ACC1",))
    found = other.find(secret)
    assert found is not None
    assert (found.principal.session_id, found.principal.accounts) == ("REST:desk", ("ACC1",))
    assert store.revoke("desk")
    assert other.find(secret) is None
    assert not store.revoke("desk")


def test_an_expired_token_opens_nothing(store: TokenStore) -> None:
    secret, _ = store.create("desk", Role.READ, expires=NOW + timedelta(hours=1))
    assert store.find(secret) is not None
    later = TokenStore(store.path, lambda: NOW + timedelta(hours=1))
    assert later.find(secret) is None


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fe80::1", False),
        ("", False),
        (None, False),
    ],
)
def test_a_token_for_a_network_opens_from_there_only(store: TokenStore, address: str | None, opens: bool) -> None:
    secret, _ = store.create("desk", Role.READ, cidrs=("10.1.0.0/16",))
    assert (store.find(secret, address) is not None) is opens


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "ä", "a/b"])
def test_a_name_that_could_not_be_a_sessions_is_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(TokenError, match="name"):
        store.create(name, Role.READ)


def test_bad_networks_dates_and_second_names_are_refused(store: TokenStore) -> None:
    with pytest.raises(TokenError, match="network"):
        store.create("a", Role.READ, cidrs=("10.1.2.3/8",))
    with pytest.raises(TokenError, match="expired"):
        store.create("a", Role.READ, expires=NOW)
    store.create("a", Role.READ)
    with pytest.raises(TokenError, match="already"):
        store.create("a", Role.ADMIN)


def test_a_damaged_file_opens_nothing_and_is_not_overwritten(store: TokenStore) -> None:
    store.path.write_text("{")
    with pytest.raises(TokenError, match="cannot be read"):
        store.find("fbt_x")
    with pytest.raises(TokenError, match="cannot be read"):
        store.create("a", Role.READ)
    assert store.path.read_text() == "{"


async def test_an_administrator_makes_lists_and_revokes_tokens(browse: Browse, house: House) -> None:
    admin = browse()
    made = await admin.post("/v1/tokens", json={"name": "desk", "role": "trade", "accounts": ["ACC1"]})
    assert made.status_code == 201
    secret = made.json()["secret"]
    listed = (await admin.get("/v1/tokens")).json()["items"]
    assert [(each["name"], each["role"]) for each in listed] == [("desk", "trade")]
    assert "secret" not in str(listed)
    desk = browse(token=secret)
    assert (await desk.get("/v1/whoami")).json()["roles"] == ["read", "trade"]
    assert (await desk.get("/v1/tokens")).status_code == 403
    assert (await admin.post("/v1/tokens", json={"name": "desk", "role": "read"})).status_code == 422
    assert (await admin.delete("/v1/tokens/desk")).status_code == 204
    assert (await desk.get("/v1/whoami")).status_code == 401
    assert (await admin.delete("/v1/tokens/desk")).status_code == 404


async def test_an_administrator_of_some_accounts_cannot_make_a_wider_token(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("half", Role.ADMIN, accounts=("ACC1",))
    half = browse(token=secret)
    assert (await half.post("/v1/tokens", json={"name": "all", "role": "admin"})).status_code == 403
    assert (await half.get("/v1/config")).status_code == 403
    assert (await half.get("/v1/orders")).status_code == 200


async def test_the_console_swaps_its_token_for_a_cookie(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("desk", Role.TRADE)
    client = browse(address="10.1.2.3")
    answer = await client.post("/v1/login", json={"token": secret})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (await client.get("/v1/whoami")).json()["name"] == "desk"
    await client.post("/v1/logout")
    assert (await client.get("/v1/whoami")).status_code == 401
    assert (await client.post("/v1/login", json={"token": "fbt_wrong"})).status_code == 401
