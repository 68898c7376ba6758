"""Who may configure an identity provider, and with which values."""

from collections.abc import Mapping
from typing import Any

from app.accounts.users.rules import a_labels
from app.core.addresses import FetchPolicy
from app.core.callers import ADMINS, Role
from app.core.errors import Forbidden, Refusal, invalid_field
from app.sign_in.sso.rules import ProtocolSettings, Provider, ProviderType, is_name

# A change of these makes it another provider: its links to users are deleted.
IDENTIFYING = ("issuer", "idp_entity_id", "subject_attribute")


def check_name(name: str) -> None:
    """Raise `InvalidRequest` if this cannot be a provider's name."""
    if not is_name(name):
        raise invalid_field("/name", "malformed", "Use 1 to 63 of a-z, 0-9 and -, with no - at either end.")


def refuse_change(role: Role, old: Provider | None, roles: frozenset[Role]) -> Refusal | None:
    """Return why a caller of this role may not change the `old` provider to these `roles`; None if they may.

    Whoever knows a provider's secret can sign in as any user of its roles. So an admin must not create, change or
    delete a provider for admins or the owner.
    """
    reached = roles | (old.roles if old else frozenset())
    if role is Role.OWNER or (role is Role.ADMIN and not reached & ADMINS):
        return None
    return Forbidden("Only the owner lets admins or the owner sign in by a provider, and changes one that does.")


def reaches_further(old: Provider | None, roles: frozenset[Role]) -> bool:
    """Whether the change lets admins or the owner sign in by the provider, who could not before."""
    return bool(roles & ADMINS - (old.roles if old else frozenset()))


def check_roles(default_role: Role, roles: frozenset[Role], *, create_users: bool) -> None:
    """Raise `InvalidRequest` if the role of new users is the owner's, or not one of the provider's."""
    if default_role is Role.OWNER:
        raise invalid_field("/default_role", "not_allowed", "A provider makes no owner.")
    if create_users and default_role not in roles:
        raise invalid_field("/default_role", "not_allowed", "New users must have one of the provider's roles.")


def check_domains(domains: list[str]) -> frozenset[str]:
    """Return the domains as A-labels (IDNA); raises `InvalidRequest`."""
    found = set()
    for place, domain in enumerate(domains):
        labels = a_labels(domain)
        if labels is None:
            raise invalid_field(f"/trusted_domains/{place}", "malformed", "This is no domain, like example.com.")
        found.add(labels)
    return frozenset(found)


def check_settings(
    type_: ProviderType, protocol: ProtocolSettings, given: Mapping[str, Any], *, fetched: FetchPolicy
) -> dict[str, Any]:
    """Return the protocol's settings among those given; raises `InvalidRequest` for what is wrong with them.

    `fetched`: which issuers this instance may fetch. A host name is judged at each fetch, when it is resolved.
    """
    protocol.check_installed()
    for name in given:
        if name not in protocol.known and name != protocol.secret:
            raise invalid_field(
                f"/{name}", "not_allowed", f"A provider of the type {type_.value} has no such setting."
            )
    for name, required in protocol.known.items():
        if required and not given.get(name):
            raise invalid_field(f"/{name}", "missing", "This field is required.")
    protocol.check(given, fetched)
    settings = {name: given[name] for name in protocol.known if name in given}
    return {"return_urls": []} | settings if "return_urls" in protocol.known else settings


def check_secret(protocol: ProtocolSettings, given: str | None, *, kept: bool, reaches_further: bool) -> None:
    """Raise `InvalidRequest` if the secret is missing or unusable. `kept`: the provider has one already.

    A provider that `reaches_further` needs a new secret: an admin may have set or learned the present one. Issuers
    and certificates need no such rule, because every change sends them.
    """
    if given is not None:
        protocol.check_secret(given)
    elif kept and reaches_further:
        detail = "Give a new secret: admins or the owner sign in by it from now on."
        raise invalid_field(f"/{protocol.secret}", "missing", detail)
    elif protocol.secret_required and not kept:
        raise invalid_field(f"/{protocol.secret}", "missing", "This field is required.")
