"""What an identity provider must be told of, by its type, and who may name one."""

from collections.abc import Mapping
from typing import Any

from app.accounts.users.rules import a_labels
from app.core.addresses import FetchPolicy, is_address
from app.core.callers import ADMINS, Role
from app.core.errors import Forbidden, Refusal, invalid_field
from app.crypto.tokens import LEAST_SECRET_BYTES
from app.sign_in.sso.rules import Provider, ProviderType, is_name
from app.sign_in.sso.saml.messages import signatures
from app.sign_in.sso.saml.messages.certificates import read_certificate

# What only a type has: its settings, each with whether it must be given, and its secret.
SETTINGS: dict[ProviderType, dict[str, bool]] = {
    ProviderType.JWT: {},
    ProviderType.OIDC: {"issuer": True, "client_id": True, "return_urls": False},
    ProviderType.SAML: {
        "idp_entity_id": True,
        "idp_sso_url": True,
        "idp_certificates": True,
        "return_urls": True,
    },
}
SECRET: dict[ProviderType, str | None] = {
    ProviderType.JWT: "secret",
    ProviderType.OIDC: "client_secret",
    ProviderType.SAML: None,
}
# Another value of these means other people: whom the provider meant before is forgotten.
WHO_VOUCHES = ("issuer", "idp_entity_id")


def check_name(name: str) -> None:
    """Raise `InvalidRequest` for what cannot name a provider."""
    if not is_name(name):
        raise invalid_field("/name", "malformed", "Use 1 to 63 of a-z, 0-9 and -, with no - at either end.")


def refuse_change(role: Role, old: Provider | None, roles: frozenset[Role]) -> Refusal | None:
    """Return why a user of this role may not make the `old` provider one of these `roles`; None when they may.

    Whoever knows a provider's secret is whom they like among its roles: an admin is not to become the owner by it.
    So neither are they to change one that the owner has made for such roles, nor to delete it.
    """
    reached = roles | (old.roles if old else frozenset())
    if role is Role.OWNER or (role is Role.ADMIN and not reached & ADMINS):
        return None
    return Forbidden("Only the owner lets admins or the owner sign in by a provider, and changes one that does.")


def reaches_further(old: Provider | None, roles: frozenset[Role]) -> bool:
    """Whether admins or the owner come in by the provider from now on, who did not before."""
    return bool(roles & ADMINS - (old.roles if old else frozenset()))


def check_roles(default_role: Role, roles: frozenset[Role], *, create_users: bool) -> None:
    """Raise `InvalidRequest` when the role of new users is none that may come in, or the owner's."""
    if default_role is Role.OWNER:
        raise invalid_field("/default_role", "not_allowed", "A provider makes no owner.")
    if create_users and default_role not in roles:
        raise invalid_field("/default_role", "not_allowed", "New users must have one of the provider's roles.")


def check_domains(domains: list[str]) -> frozenset[str]:
    """Return the domains as A-labels; raises `InvalidRequest` for what is no domain."""
    found = set()
    for place, domain in enumerate(domains):
        labels = a_labels(domain)
        if labels is None:
            raise invalid_field(f"/trusted_domains/{place}", "malformed", "This is no domain, like example.com.")
        found.add(labels)
    return frozenset(found)


def check_settings(type_: ProviderType, given: Mapping[str, Any], *, fetched: FetchPolicy) -> dict[str, Any]:
    """Return the settings of the type among those given; raises `InvalidRequest` for what is wrong with them.

    `fetched` says which issuers this instance asks; a name is judged when it is resolved, at each fetch.
    """
    if type_ is ProviderType.SAML and not signatures.INSTALLED:
        raise invalid_field("/type", "not_allowed", signatures.NOT_INSTALLED)
    known = SETTINGS[type_]
    allowed = {*known, SECRET[type_]}
    for name in given:
        if name not in allowed:
            raise invalid_field(
                f"/{name}", "not_allowed", f"A provider of the type {type_.value} has no such setting."
            )
    for name, required in known.items():
        if required and not given.get(name):
            raise invalid_field(f"/{name}", "missing", "This field is required.")
    if "issuer" in given and not (fetched.allows_url(given["issuer"]) and "?" not in given["issuer"]):
        detail = "This is no https address on the public internet, without query, fragment and user."
        raise invalid_field("/issuer", "malformed", detail)
    if "idp_sso_url" in given and not is_address(given["idp_sso_url"]):
        raise invalid_field("/idp_sso_url", "malformed", "This is no https address (or http on this machine).")
    for place, url in enumerate(given.get("return_urls", [])):
        if not is_address(url):
            raise invalid_field(
                f"/return_urls/{place}", "malformed", "This is no https address (or http on this machine)."
            )
    _check_certificates(given.get("idp_certificates", []))
    return {name: given[name] for name in known if name in given} | (
        {"return_urls": []} if "return_urls" in known and "return_urls" not in given else {}
    )


def _check_certificates(texts: list[str]) -> None:
    for place, text in enumerate(texts):
        try:
            read_certificate(text)
        except ValueError:
            detail = "This is no X.509 certificate with a key of RSA (2048 bits or more) or an elliptic curve."
            raise invalid_field(f"/idp_certificates/{place}", "malformed", detail) from None


def check_secret(type_: ProviderType, given: str | None, *, kept: bool, reaches_further: bool) -> None:
    """Raise `InvalidRequest` when a secret is missing, or too short; `kept`: the provider has one already.

    One that `reaches_further` than before takes a new secret: an admin may have set the one that it has, or know
    it. Issuers and certificates need no such rule, as every change gives them.
    """
    name = SECRET[type_]
    if given is None:
        if kept and reaches_further:
            raise invalid_field(
                f"/{name}", "missing", "Give a new secret: admins or the owner sign in by it from now on."
            )
        if type_ is ProviderType.JWT and not kept:
            raise invalid_field("/secret", "missing", "This field is required.")
    elif type_ is ProviderType.JWT and (
        len(given.encode()) < LEAST_SECRET_BYTES or given.lstrip().startswith(("-----BEGIN", "ssh-"))
    ):
        raise invalid_field(
            "/secret", "too_short", f"A secret has {LEAST_SECRET_BYTES} bytes or more, and is no public key."
        )
