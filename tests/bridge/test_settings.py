"""Settings: defaults, precedence, secrets, and errors that say where and what."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bridge import settings
from bridge.orders.events import Mode
from bridge.settings import SettingsError
from bridge.settings.load import from_dump, load_with_places
from bridge.settings.schema import documents_schema
from bridge.settings.tree import Durability, Outputs, RiskProfile
from bridge.settings.writing import effective, example
from fixspec.enums import CancelOnDisconnectType
from sessions.config import HmacCredential, PasswordCredential, SessionId

ALPACA = """
apiVersion: datafye.io/v1
kind: BrokerSpec
metadata: {name: alpaca-paper, description: Alpaca paper trading account}
broker:
  type: alpaca
  credentials: {apiKey: "${ALPACA_KEY}", apiSecret: {env: ALPACA_SECRET}}
  endpoint: https://paper-api.alpaca.markets
  account: PA123
routing: {defaultRoute: smart, symbolRoutes: {AAPL: iex}}
execution: {orderType: limit, timeInForce: day, allowShortSelling: false, allowMarginTrading: true}
risk: {maxPositionSize: 1000, maxOrderValue: 25000.5, maxDailyLoss: 500, positionLimits: {AAPL: 500}}
"""
KEYS = {"ALPACA_KEY": "PKTEST", "ALPACA_SECRET": "s3cr3t-value"}


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "fixbridge.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def problems(files, environ=None, **options) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings.load(files, environ or {}, **options)
    return [str(problem) for problem in caught.value.problems]


# --- defaults --------------------------------------------------------------------------------------------------------


def test_without_any_file_the_daemon_has_the_documented_defaults():
    found = settings.load([], {})
    fix = found.listeners.fix
    assert (fix.host, fix.port, fix.comp_id, fix.tls) == ("127.0.0.1", 9878, "BRIDGE", None)
    (session,) = found.sessions
    assert (session.session_id, session.accounts, session.authentication) == ("STRATEGY", ("PAPER",), None)
    (account,) = found.accounts
    assert (account.name, account.broker) == ("PAPER", "paper")
    assert found.broker("paper").paper.cash == Decimal(1_000_000)
    assert (found.marketdata.source, found.mqtt.broker, found.mqtt.port) == ("synthetic", "auto", 1883)
    assert (found.http.host, found.http.port) == ("127.0.0.1", 8080)
    assert (found.data_dir, found.outputs, found.mode) == (Path("var"), Outputs.PROCESS, Mode.PAPER)
    assert found.journal.durability is Durability.WRITE
    assert found.risk.profile is RiskProfile.STARTER
    assert session.custom_tags is True


def test_the_session_becomes_the_session_layers_config():
    found = settings.load([], {}, overrides={"sessions.0.cancel_on_disconnect.when": "both"})
    config = found.sessions[0].config(found.listeners.fix.comp_id)
    assert config.id == SessionId("BRIDGE", "STRATEGY")
    assert config.name == "STRATEGY"
    assert config.cancel_on_disconnect.on is CancelOnDisconnectType.BOTH
    assert config.validation.unknown_tags == "ignore"


def test_the_commented_example_loads_to_exactly_the_defaults(write):
    assert settings.load([write(example())], {}) == settings.load(
        [], {"FIXBRIDGE_DATA_DIR": str(write("").parent / "var")}
    )


def test_the_effective_values_load_again_to_the_same_settings(write):
    found = settings.load([write(ALPACA)], KEYS)
    again = settings.load([write(effective(found), "again.yaml")], KEYS | {"FIXBRIDGE_DATA_DIR": str(found.data_dir)})
    assert again == found


# --- files and kinds -------------------------------------------------------------------------------------------------


def test_a_published_broker_descriptor_loads_unchanged(write):
    (spec,) = settings.load([write(ALPACA)], KEYS).brokers
    assert (spec.name, spec.broker.type, spec.broker.account) == ("alpaca-paper", "alpaca", "PA123")
    assert spec.broker.credentials.api_key is not None
    assert spec.broker.credentials.api_key.reveal() == "PKTEST"
    assert spec.routing.symbol_routes == {"AAPL": "iex"}
    assert spec.risk.block() == {
        "maxPositionSize": Decimal(1000),
        "maxOrderValue": Decimal("25000.5"),
        "maxDailyLoss": Decimal(500),
        "positionLimits": {"AAPL": Decimal(500)},
    }


def test_what_a_descriptor_does_not_allow_becomes_limits_and_what_it_leaves_out_does_not(write):
    (spec,) = settings.load([write(ALPACA)], KEYS).brokers
    assert [(row.rule, str(row.limit), row.name) for row in spec.execution.rows("x")] == [("R09.short", "0", "x")]
    text = ALPACA.replace("allowMarginTrading: true", "allowMarginTrading: false")
    (spec,) = settings.load([write(text)], KEYS).brokers
    rows = spec.execution.rows("alpaca-paper")
    assert [row.rule for row in rows] == ["R09.short", "R10.long_rate", "R10.short_rate"]
    assert settings.load([], {}).brokers[0].execution.rows("paper") == []


def test_position_limits_may_also_be_a_list_of_rows(write):
    text = ALPACA.replace("positionLimits: {AAPL: 500}", "positionLimits: [{symbol: AAPL, maxPositionSize: 500}]")
    assert settings.load([write(text)], KEYS).brokers[0].risk.position_limits == {"AAPL": Decimal(500)}


def test_an_account_takes_its_name_from_the_descriptor(write):
    found = settings.load([write(ALPACA)], KEYS)
    assert [account.name for account in found.accounts] == ["PA123"]
    assert found.sessions[0].accounts == ("PA123",)


def test_several_files_merge_and_the_later_one_wins_key_by_key(write):
    one = write("kind: BridgeConfig\nname: one\nhttp: {port: 1111, host: 127.0.0.2}\n", "one.yaml")
    two = write("kind: BridgeConfig\nhttp: {port: 2222}\n", "two.yaml")
    found = settings.load([one, two], {})
    assert (found.name, found.http.port, found.http.host) == ("one", 2222, "127.0.0.2")


def test_words_that_yaml_1_1_takes_for_booleans_and_numbers_stay_words(write):
    hours = "hours: {begin: 17:00, end: 17:00}"
    text = f"kind: BridgeConfig\noutputs: off\nmqtt: {{broker: off}}\nsessions: [{{comp_id: 007, {hours}}}]"
    found = settings.load([write(text)], {})
    assert (found.outputs, found.mqtt.broker, found.sessions[0].comp_id) == (Outputs.OFF, "off", "007")
    assert str(found.sessions[0].hours.begin) == "17:00:00"


def test_numbers_with_a_point_are_exact(write):
    text = ALPACA.replace("25000.5", "0.1")
    assert settings.load([write(text)], KEYS).brokers[0].risk.max_order_value == Decimal("0.1")


def test_a_relative_path_is_meant_from_where_its_file_is(write, tmp_path):
    found = settings.load([write("kind: BridgeConfig\ndata_dir: state\n")], {})
    assert found.data_dir == tmp_path / "state"
    assert settings.load([], {"FIXBRIDGE_DATA_DIR": "state"}).data_dir == Path("state")


# --- environment and options -----------------------------------------------------------------------------------------


def test_the_environment_wins_over_files_and_options_win_over_both(write):
    file = write("kind: BridgeConfig\nhttp: {port: 1}\nlisteners: {fix: {port: 2}}\nname: file\n")
    environ = {"FIXBRIDGE_HTTP__PORT": "11", "FIXBRIDGE_LISTENERS__FIX__PORT": "12"}
    found = settings.load([file], environ, overrides={"http.port": "111"})
    assert (found.http.port, found.listeners.fix.port, found.name) == (111, 12, "file")


def test_a_single_value_in_a_list_can_be_set_by_index_or_by_name():
    by_index = settings.load([], {"FIXBRIDGE_SESSIONS__0__MAX_HEARTBEAT": "60"})
    by_name = settings.load([], {"FIXBRIDGE_SESSIONS__STRATEGY__MAX_HEARTBEAT": "60"})
    assert by_index == by_name
    assert by_name.sessions[0].max_heartbeat == 60


def test_camel_case_keys_of_a_descriptor_are_reached_in_either_spelling(write):
    environ = KEYS | {"FIXBRIDGE_BROKERS__ALPACA_PAPER__RISK__MAX_ORDER_VALUE": "77"}
    assert settings.load([write(ALPACA)], environ).brokers[0].risk.max_order_value == Decimal(77)


def test_a_whole_list_can_be_given_as_yaml():
    found = settings.load([], {"FIXBRIDGE_SESSIONS": "[{comp_id: A}, {comp_id: B}]"})
    assert [session.comp_id for session in found.sessions] == ["A", "B"]


def test_a_variable_that_names_no_setting_is_an_error_with_a_suggestion():
    assert problems([], {"FIXBRIDGE_HTP__PORT": "1"}) == ["FIXBRIDGE_HTP__PORT: names no setting: did you mean http?"]


def test_variables_of_the_command_line_and_the_sdk_are_no_settings():
    environ = {"FIXBRIDGE_TOKEN": "x", "FIXBRIDGE_URL": "y", "FIXBRIDGE_CONFIG": "z", "FIXBRIDGE_WAKE_FD": "7"}
    assert settings.load([], environ) == settings.load([], {})


def test_every_given_key_remembers_where_it_came_from(write):
    file = write("kind: BridgeConfig\nname: here\n")
    found, places = load_with_places([file], {"FIXBRIDGE_HTTP__PORT": "5"}, overrides={"metrics.enabled": "false"})
    text = effective(found, places)
    assert f"name: here  # {file}:2" in text
    assert "port: 5  # FIXBRIDGE_HTTP__PORT" in text
    assert "enabled: false  # option metrics.enabled" in text


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_wrong_value_names_file_line_key_found_and_allowed(write):
    file = write("kind: BridgeConfig\nlisteners:\n  fix:\n    port: 99999\n")
    assert problems([file]) == [
        f"{file}:4: listeners.fix.port: not usable; found 99999; allowed: a whole number from 0 to 65535"
    ]


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("outputs: sometimes", "outputs", "process, inline, off"),
        ("journal: {durability: maybe}", "journal.durability", "write, sync"),
        ("sessions: [{comp_id: A, kind: spectator}]", "sessions[0].kind", "order_entry, drop_copy, admin"),
        ("sessions: [{comp_id: A, enabled: perhaps}]", "sessions[0].enabled", "true, false"),
        ("sessions: [{comp_id: A, our_comp_id: 'A B'}]", "sessions[0].our_comp_id", "text of the form ^[!-~]{1,64}$"),
        ("drain_seconds: soon", "drain_seconds", "a number of at least 0"),
        (
            "sessions: [{comp_id: A, hours: {begin: noon, end: 17:00}}]",
            "sessions[0].hours.begin",
            "a time of day as 17:00",
        ),
        ("marketdata: {source: magic}", "marketdata.source", "text"),
        ("risk: {checks: [{limit: 3}]}", "risk.checks[0].use", "text of the form"),
        ("listeners: 5", "listeners", "a mapping with the keys fix"),
    ],
)
def test_each_kind_of_value_says_what_is_allowed(write, text, key, allowed):
    file = write(f"kind: BridgeConfig\n{text}\n")
    (problem,) = problems([file])
    assert problem.startswith(f"{file}:2: {key}: ")
    assert f"allowed: {allowed}" in problem


def test_an_unknown_key_is_an_error_with_the_likely_one(write):
    (problem,) = problems([write("kind: BridgeConfig\njournal:\n  durabilty: sync\n")])
    assert ":3: journal.durabilty: unknown key; did you mean durability?" in problem
    assert "allowed: durability, flush_interval_ms" in problem


def test_a_key_in_the_wrong_place_is_told_its_right_one(write):
    (problem,) = problems([write("kind: BridgeConfig\ncomp_id: X\n")])
    assert "did you mean listeners.fix.comp_id?" in problem


def test_all_faults_are_told_at_once_in_the_order_of_the_lines(write):
    file = write("kind: BridgeConfig\nhttp: {port: x}\noutputs: y\nmqtt: {port: -1}\n")
    assert [problem.split(":")[1] for problem in problems([file])] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("kind: BridgeConfig\nname: [a\n", 3, "not YAML"),
        ("kind: BridgeConfig\nname: a\nname: b\n", 3, "name: given twice, first in line 2"),
        ("kind: Nonsense\n", 1, "kind: unknown document; found 'Nonsense'; allowed: BridgeConfig, BrokerSpec"),
        ("name: a\n", 1, "kind: missing; allowed: BridgeConfig, BrokerSpec"),
        ("- a\n- b\n", 1, "a document is a mapping of keys to values"),
    ],
)
def test_a_document_of_the_wrong_form_is_told_with_its_line(write, text, line, says):
    file = write(text)
    assert any(problem.startswith(f"{file}:{line}: ") and says in problem for problem in problems([file]))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    assert problems([tmp_path / "none.yaml"]) == [f"{tmp_path}/none.yaml: cannot be read: No such file or directory"]


def test_two_brokers_of_one_name_are_told_with_both_places(write):
    text = f"{ALPACA}---{ALPACA}"
    file = write(text)
    first, second = (number for number, line in enumerate(text.splitlines(), 1) if line.startswith("metadata"))
    told = f"{file}:{second}: metadata.name: a second BrokerSpec of this name, the first is in {file}:{first}"
    assert any(problem.startswith(told) for problem in problems([file], KEYS))


def test_a_problem_in_a_broker_names_the_broker(write):
    (problem,) = problems([write(ALPACA.replace("500}}", "-1}}"))], KEYS)
    assert "BrokerSpec alpaca-paper: risk.positionLimits.AAPL" in problem


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "accounts: [{name: X, broker: nope}]",
            "accounts[0].broker: no BrokerSpec of this name; found nope; allowed: paper",
        ),
        (
            "accounts: [{name: A, broker: paper}, {name: B, broker: paper}]",
            "sessions[0].accounts: missing, and there are",
        ),
        (
            "sessions: [{comp_id: A, accounts: [NOPE]}]",
            "sessions[0].accounts: unknown account; found NOPE; allowed: PAPER",
        ),
        ("sessions: [{comp_id: A}, {comp_id: A}]", "two sessions of one name"),
        ("sessions: [{comp_id: A, min_heartbeat: 60, max_heartbeat: 30}]", "min_heartbeat: above max_heartbeat"),
        ("sessions: [{comp_id: A, hours: {begin: 08:00}}]", "a schedule needs both begin and end"),
        (
            "sessions: [{comp_id: A, hours: {begin: 08:00, end: 17:00, zone: Mars/Base}}]",
            "unknown time zone 'Mars/Base'",
        ),
        ("http: {port: 9878}", "http.port: the same port as listeners.fix.port; found 9878"),
        ("http: {host: 0.0.0.0}", "http.host: not loopback and no TLS"),
        ("listeners: {fix: {host: 0.0.0.0}}", "anybody who reaches 0.0.0.0 could trade as STRATEGY"),
        ("marketdata: {source: replay}", "marketdata.replay.files: missing, and the source is replay"),
        ("mode: live", "mode: no BrokerSpec says `live: true`"),
        ("risk: {limits: [{rule: R77, limit: 1}]}", "risk.limits[0].rule: unknown parameter"),
        ("risk: {limits: [{rule: R03, limit: lots}]}", "risk.limits[0]"),
        ("risk: {limits: [{rule: R03, limit: 1, scope: session, name: NOPE}]}", "no session of this name; found NOPE"),
        ("mqtt: {broker: 'mqtts://user:pw@host'}", "those are mqtt.username and mqtt.password"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(write, text, says):
    found = problems([write(f"kind: BridgeConfig\n{text}\n")])
    assert any(says in problem for problem in found), found


# --- live ------------------------------------------------------------------------------------------------------------


def test_live_needs_the_key_in_the_broker_and_the_operators_word(write):
    file = write(f"{ALPACA}live: true\n")
    (problem,) = problems([file], KEYS)
    assert "BrokerSpec alpaca-paper: live: real money: start with --live as well" in problem
    found = settings.load([file], KEYS, live=True)
    assert found.live
    assert found.journal.durability is Durability.SYNC
    assert found.sessions[0].custom_tags is False


def test_the_operators_word_alone_makes_nothing_live(write):
    assert not settings.load([write(ALPACA)], KEYS, live=True).live


def test_a_live_broker_in_a_daemon_that_says_paper_is_refused(write):
    file = write(f"{ALPACA}live: true\n---\nkind: BridgeConfig\nmode: paper\n")
    assert any("this broker is live and `mode` is paper" in problem for problem in problems([file], KEYS, live=True))


def test_a_paper_broker_cannot_be_live(write):
    file = write("kind: BrokerSpec\nmetadata: {name: p}\nbroker: {type: paper}\nlive: true\n")
    assert any("a paper broker cannot be live" in problem for problem in problems([file], live=True))


# --- secrets ---------------------------------------------------------------------------------------------------------


def everything_said(found: settings.Settings) -> str:
    return f"{found!r}{found}{found.dump()}{effective(found)}{found.model_dump()}"


def test_a_secret_is_in_no_dump_and_no_repr(write):
    found = settings.load([write(ALPACA)], KEYS)
    assert "s3cr3t-value" not in everything_said(found)
    assert "PKTEST" not in everything_said(found)


def test_a_secret_in_the_document_is_refused_and_not_repeated(write):
    text = ALPACA.replace("{env: ALPACA_SECRET}", "s3cr3t-value")
    (problem,) = problems([write(text)], KEYS)
    assert "broker.credentials.apiSecret: a secret may not stand in the document" in problem
    assert "allowed: {env: NAME}, {file: PATH} or ${NAME}" in problem
    assert "s3cr3t-value" not in problem


def test_a_secret_of_the_wrong_type_is_not_repeated_either(write):
    found = problems([write(ALPACA.replace("{env: ALPACA_SECRET}", "[s3cr3t-value]"))], KEYS)
    assert "s3cr3t-value" not in "".join(found)


def test_a_yaml_error_beside_a_secret_does_not_quote_the_line(write):
    found = problems([write("kind: BridgeConfig\nmqtt: {password: s3cr3t-value: x}\n")])
    assert "s3cr3t-value" not in "".join(found)


def test_a_secret_whose_variable_is_not_set_names_the_variable(write):
    (problem,) = problems([write(ALPACA)], {"ALPACA_KEY": "x"})
    assert "broker.credentials.apiSecret: the environment variable ALPACA_SECRET is not set" in problem


def test_a_secret_file_is_read_without_its_line_end(write, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t-value\n")
    secret.chmod(0o600)
    text = ALPACA.replace("{env: ALPACA_SECRET}", "{file: secret}")
    (spec,) = settings.load([write(text)], KEYS).brokers
    assert spec.broker.credentials.api_secret is not None
    assert spec.broker.credentials.api_secret.reveal() == "s3cr3t-value"


def test_a_secret_file_that_everybody_can_read_is_refused(write, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t-value\n")
    secret.chmod(0o644)
    (problem,) = problems([write(ALPACA.replace("{env: ALPACA_SECRET}", "{file: secret}"))], KEYS)
    assert "open to every user of this machine: chmod 600 it" in problem


def test_a_secret_given_by_the_environment_itself_stays_a_reference(write):
    environ = KEYS | {"FIXBRIDGE_BROKERS__ALPACA_PAPER__BROKER__CREDENTIALS__API_SECRET": "other-s3cr3t"}
    found = settings.load([write(ALPACA)], environ)
    assert found.brokers[0].broker.credentials.api_secret is not None
    assert found.brokers[0].broker.credentials.api_secret.reveal() == "other-s3cr3t"
    assert "other-s3cr3t" not in everything_said(found)


def test_the_dump_for_the_outputs_process_reads_its_secrets_anew(write):
    found = settings.load([write(ALPACA)], KEYS)
    again = from_dump(found.dump(), KEYS)
    assert again == found
    assert again.brokers[0].broker.credentials.api_secret is not None
    assert again.brokers[0].broker.credentials.api_secret.reveal() == "s3cr3t-value"
    with pytest.raises(SettingsError, match="ALPACA_SECRET is not set"):
        from_dump(found.dump(), {"ALPACA_KEY": "x"})


def test_a_session_with_a_password_or_a_signature_gets_its_credential(write):
    text = """
kind: BridgeConfig
sessions:
- {comp_id: A, authentication: {username: ann, password_hash: {env: HASH}}}
- {comp_id: B, authentication: {username: bob, hmac_secret: {env: KEY}, hmac_window_seconds: 5}}
"""
    found = settings.load([write(text)], {"HASH": "$argon2id$x", "KEY": "k"})
    first, second = (session.config("BRIDGE").credential for session in found.sessions)
    assert first == PasswordCredential("ann", "$argon2id$x")
    assert second == HmacCredential("bob", b"k", 5.0)


# --- schema ----------------------------------------------------------------------------------------------------------


def test_the_schema_knows_both_kinds_and_describes_every_key():
    schema = documents_schema()
    assert {branch["$ref"] for branch in schema["anyOf"]} == {"#/$defs/BridgeConfig", "#/$defs/BrokerSpec"}
    undescribed = [
        f"{name}.{key}"
        for name, definition in schema["$defs"].items()
        for key, value in definition.get("properties", {}).items()
        if "description" not in value and "$ref" not in value
    ]
    assert undescribed == []
    json.dumps(schema)


def test_the_schema_lists_exactly_the_keys_of_the_example():
    document = yaml.safe_load(example().split("---")[0])
    known = documents_schema()["$defs"]["BridgeConfig"]["properties"]
    assert set(document) <= set(known)
