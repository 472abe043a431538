# Made from `_async/_people.py` by `tools/derive_sync.py`: change it there.
"""Who may do what, and who did what: users, API keys, tenants and the audit log."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import Unpack

from .. import _submitting
from .._call import Call, one
from .._paging import Page, listing
from ..models import (
    AuditEntry,
    AuditList,
    CreatedKey,
    CreatedTenant,
    Key,
    KeyList,
    Tenant,
    TenantList,
    User,
    UserList,
)
from ..params import (
    CreateKey,
    CreateTenant,
    CreateUser,
    ListAuditQuery,
    ListKeysQuery,
    ListTenantsQuery,
    ListUsersQuery,
    RotateKey,
    UpdateTenant,
)
from ._pages import Pages
from ._transport import Resource


class Users(Resource):
    """People of the tenant."""

    def list(self, **query: Unpack[ListUsersQuery]) -> Pages[User]:
        """All users."""
        users = listing("/api/users", query, UserList, lambda it: Page(it.users, it.next_cursor))
        return Pages(self._transport, users)

    def get(self, user_id: int) -> User:
        """A user."""
        return self._send(Call("GET", "/api/users/{id}", one(User), at={"id": user_id}))

    def create(self, *, idempotency_key: str | None = None, **user: Unpack[CreateUser]) -> User:
        """Makes a user.

        By an `idempotency_key` of your own the same key gives the same user for a day, also in another process.
        """
        return self._send(_submitting.create("/api/users", User, user, idempotency_key))


class Keys(Resource):
    """API keys of the tenant."""

    def list(self, **query: Unpack[ListKeysQuery]) -> Pages[Key]:
        """All keys, without their secrets."""
        keys = listing("/api/keys", query, KeyList, lambda it: Page(it.keys, it.next_cursor))
        return Pages(self._transport, keys)

    def get(self, key_id: str) -> Key:
        """A key, by the third part of it."""
        return self._send(Call("GET", "/api/keys/{id}", one(Key), at={"id": key_id}))

    def create(self, *, idempotency_key: str | None = None, **key: Unpack[CreateKey]) -> CreatedKey:
        """Makes a key, whose `api_key` is shown this once.

        When that answer is lost, the repeated request ends in a `Conflict` whose `resource` is the key that nobody has.
        """
        return self._send(_submitting.create("/api/keys", CreatedKey, key, idempotency_key))

    def rotate(self, key_id: str, **how: Unpack[RotateKey]) -> CreatedKey:
        """Makes another key in place of this one, which works on for `overlap_secs`."""
        return self._send(Call("POST", "/api/keys/{id}/rotate", one(CreatedKey), at={"id": key_id}, body=how))

    def revoke(self, key_id: str) -> Key:
        """Stops a key from working, for good."""
        return self._send(Call("POST", "/api/keys/{id}/revoke", one(Key), at={"id": key_id}, repeatable=True))


class Tenants(Resource):
    """Whom the platform serves. Only an operator sees others than its own."""

    def list(self, **query: Unpack[ListTenantsQuery]) -> Pages[Tenant]:
        """All tenants."""
        tenants = listing("/api/tenants", query, TenantList, lambda it: Page(it.tenants, it.next_cursor))
        return Pages(self._transport, tenants)

    def get(self, tenant_id: UUID | str) -> Tenant:
        """A tenant."""
        return self._send(Call("GET", "/api/tenants/{id}", one(Tenant), at={"id": tenant_id}))

    def create(self, *, idempotency_key: str | None = None, **tenant: Unpack[CreateTenant]) -> CreatedTenant:
        """Makes a tenant, whose first key and signing secret are shown this once.

        When that answer is lost, the repeated request ends in a `Conflict` whose `resource` is the tenant.
        """
        return self._send(_submitting.create("/api/tenants", CreatedTenant, tenant, idempotency_key))

    def update(self, tenant_id: UUID | str, **changes: Unpack[UpdateTenant]) -> Tenant:
        """Changes a tenant. What is not said stays; `None` brings a limit's default back."""
        return self._send(Call("PATCH", "/api/tenants/{id}", one(Tenant), at={"id": tenant_id}, body=changes))


class Audit(Resource):
    """Who did what."""

    def list(self, **query: Unpack[ListAuditQuery]) -> Pages[AuditEntry]:
        """The entries that match, newest first."""
        entries = listing("/api/audit", query, AuditList, lambda it: Page(it.entries, it.next_cursor))
        return Pages(self._transport, entries)
