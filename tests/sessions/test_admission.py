"""Bounds per address, passwords, networks, certificate names."""

from sessions.admission import Admission, AdmissionLimits, address_allowed
from sessions.authentication import Nonces, hash_password
from sessions.config import HmacCredential, OutgoingCredential, PasswordCredential
from sessions.tls import certificate_names


def test_failures_bar_an_address_for_the_window_and_no_longer():
    admission = Admission(AdmissionLimits(failures=2, failure_window_seconds=60))
    admission.fail("a", 0.0)
    admission.fail("a", 1.0)
    assert "failed" in admission.enter("a", 0, 2.0)
    assert admission.enter("b", 0, 2.0) is None
    assert admission.enter("a", 0, 61.5) is None


def test_connections_are_counted_in_and_out():
    admission = Admission(AdmissionLimits(connections=3, connections_per_address=2))
    assert admission.enter("a", 0, 0) is None
    assert admission.enter("a", 0, 0) is None
    assert admission.enter("a", 0, 0) is not None
    admission.leave("a")
    admission.leave("a")
    assert admission.enter("b", 0, 0) is None
    assert admission.enter("c", 0, 0) is None
    assert "connections" in admission.enter("d", 0, 0)


def test_waiting_connections_are_bounded():
    admission = Admission(AdmissionLimits(waiting=5))
    assert admission.enter("a", 5, 0) is None
    assert "without a Logon" in admission.enter("a", 6, 0)


def test_addresses_of_failures_are_forgotten_in_time():
    admission = Admission(AdmissionLimits(failure_window_seconds=10))
    for number in range(10_000):
        admission.fail(f"old{number}", 0.0)
    admission.fail("new", 100.0)
    assert len(admission._failures) == 1


def test_networks_are_cidr_and_mapped_addresses_count_as_what_they_map():
    assert address_allowed((), "anything")
    assert address_allowed(("10.0.0.0/8",), "10.1.2.3")
    assert address_allowed(("10.0.0.0/8",), "::ffff:10.1.2.3")
    assert not address_allowed(("10.0.0.0/8",), "11.1.2.3")
    assert address_allowed(("192.0.2.7",), "192.0.2.7")
    assert not address_allowed(("10.0.0.0/8",), "")


def test_nonces_are_bounded_and_full_means_no(monkeypatch):
    monkeypatch.setattr("sessions.authentication._MAX_NONCES", 3)
    nonces = Nonces()
    assert all(nonces.fresh(b"%d" % n, 100, 0) for n in range(3))
    assert not nonces.fresh(b"0", 100, 0)
    assert not nonces.fresh(b"9", 100, 0)
    assert nonces.fresh(b"9", 300, 101)


def test_secrets_are_not_in_any_repr():
    secret = "hunter2"
    for credential in (
        PasswordCredential("me", hash_password(secret)),
        HmacCredential("me", secret.encode()),
        OutgoingCredential("me", secret),
    ):
        assert secret not in repr(credential)
        assert "argon2id" not in repr(credential)


def test_a_certificate_names_its_common_name_and_alternatives():
    certificate = {
        "subject": ((("organizationName", "Org"),), (("commonName", "alice"),)),
        "subjectAltName": (("DNS", "a.example"), ("IP Address", "192.0.2.1")),
    }
    assert certificate_names(certificate) == {"alice", "a.example", "192.0.2.1"}
    assert certificate_names(None) == set()
