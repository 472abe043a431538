"""Users, keys, tenants and the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tandem import Conflict, Forbidden, RateLimited, RetryPolicy, Tandem, Unauthorized, ValidationFailed
from tandem.models import Scope

from .conftest import Connect, full_key


def test_users_are_made_read_and_listed(tandem: Tandem, name: str) -> None:
    user = tandem.users.create(name="Ann", email=f"{name}@example.com")
    assert tandem.users.get(user.id) == user
    assert user in list(tandem.users.list(limit=100))
    with pytest.raises(Conflict) as raised:
        tandem.users.create(name="Bob", email=f"{name}@example.com")
    assert raised.value.code == "email_taken"


def test_a_user_is_made_once_for_a_key(tandem: Tandem, name: str) -> None:
    user = tandem.users.create(name="Ann", email=f"{name}@example.com", idempotency_key=name)
    assert tandem.users.create(name="Ann", email=f"{name}@example.com", idempotency_key=name) == user
    with pytest.raises(ValidationFailed) as raised:
        tandem.users.create(name="Bob", email=f"{name}@example.com", idempotency_key=name)
    assert raised.value.code == "idempotency_key_reused"


def test_a_key_does_what_its_scopes_say_until_it_is_revoked(tandem: Tandem, connect: Connect, name: str) -> None:
    expires_at = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=90)
    made = tandem.keys.create(name=name, scopes=["jobs:read"], expires_at=expires_at)
    assert (made.key.scopes, made.key.expires_at) == ([Scope.JOBS_READ], expires_at)
    reader = connect(key=made.api_key)
    assert reader.jobs.list().first_page() is not None
    with pytest.raises(Forbidden) as raised:
        reader.jobs.submit(kind="test.echo")
    assert raised.value.code == "missing_scope"
    successor = tandem.keys.rotate(made.key.id, overlap_secs=0)
    assert tandem.keys.get(made.key.id).replaced_by == successor.key.id
    assert successor.key.id in {key.id for key in tandem.keys.list(limit=100)}
    assert not tandem.keys.revoke(successor.key.id).live
    assert not tandem.keys.revoke(successor.key.id).live
    with pytest.raises(Unauthorized):
        connect(key=successor.api_key).jobs.list().first_page()


def test_a_tenant_has_limits_that_can_be_taken_back(tandem: Tandem, name: str) -> None:
    made = tandem.tenants.create(name=name, max_running_jobs=7)
    assert made.webhook_secret.startswith("whsec_")
    assert made.tenant in list(tandem.tenants.list(limit=100))
    changed = tandem.tenants.update(made.tenant.id, max_queued_jobs=9)
    assert (changed.max_running_jobs, changed.max_queued_jobs) == (7, 9)
    freed = tandem.tenants.update(made.tenant.id, max_running_jobs=None)
    assert (freed.max_running_jobs, freed.max_queued_jobs) == (None, 9)
    assert tandem.tenants.get(made.tenant.id) == freed


def test_who_asks_too_often_waits_as_long_as_the_api_says(tandem: Tandem, connect: Connect, name: str) -> None:
    made = tandem.tenants.create(name=name)
    key = full_key(connect, made)
    tandem.tenants.update(made.tenant.id, rate_limit_per_second=1, rate_limit_burst=1)
    hasty = connect(key=key, retry=RetryPolicy(max_tries=1))
    with pytest.raises(RateLimited) as raised:
        [hasty.jobs.list().first_page() for _ in range(3)]
    assert raised.value.code == "rate_limited"
    assert raised.value.retry_after is not None
    assert raised.value.retry_after >= 1
    patient = connect(key=key)
    for _ in range(3):
        patient.jobs.list().first_page()


def test_what_was_done_is_in_the_audit_log(tandem: Tandem, name: str) -> None:
    user = tandem.users.create(name="Ann", email=f"{name}@example.com")
    entries = list(tandem.audit.list(target=str(user.id), action="user.create", limit=10))
    assert [(entry.action, entry.target) for entry in entries] == [("user.create", str(user.id))]


def test_the_api_tells_how_it_is(tandem: Tandem) -> None:
    assert tandem.health().status == "ok"
    assert tandem.ready().status == "ok"
    assert "tandem_" in tandem.metrics()
    assert tandem.describe_problem("rate_limited").transient
    assert tandem.request("GET", "/api/jobs", query={"limit": 1})["jobs"] is not None
