"""Browser login by SAML: the request, and the answer."""

import asyncio
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import Refusal, Unavailable
from app.sign_in.completing import expired
from app.sign_in.sso import repository
from app.sign_in.sso.rules import HandedOut, Identity, IdentityIncomplete, LoginRequest, Provider, derive
from app.sign_in.sso.saml.messages import signatures
from app.sign_in.sso.saml.messages.answers import Assertion, Expected, read_answer
from app.sign_in.sso.saml.messages.certificates import read_certificate
from app.sign_in.sso.saml.messages.refused import SamlRefused
from app.sign_in.sso.saml.messages.service_provider import ServiceProvider
from app.sign_in.sso.saml.rules import subject_of
from app.sign_in.sso.use_cases import (
    hand_out_code,
    identity_incomplete,
    not_vouched,
    refuse_provider,
    take_login,
)

log = structlog.get_logger()


def service_provider(public_url: str, slug: str, name: str) -> ServiceProvider:
    """Return the SAML service provider that Passgate is for the account's provider of this name."""
    address = f"{public_url}/v1/accounts/{slug}/sso/{name}"
    return ServiceProvider(entity_id=f"{address}/metadata", acs_url=f"{address}/acs")


def begin_saml_login(provider: Provider, us: ServiceProvider, secret: str, now: datetime) -> str:
    """Return the login URL for the browser with this secret; raises `Unavailable` without SAML support."""
    _require_saml()
    return us.login_url(provider.settings["idp_sso_url"], _request_id(secret), now)


async def take_login_of(
    tx: AsyncConnection, context: RequestContext, provider: Provider, secret: str
) -> LoginRequest:
    """Use up the browser's login; raises `Unauthenticated` (`sign_in_expired`)."""
    login = await take_login(tx, context, secret)
    if login is None or login.provider_id != provider.id:
        raise expired()
    return login


async def read_saml_answer(
    provider: Provider, us: ServiceProvider, secret: str, answer: str, now: datetime
) -> Assertion | Refusal:
    """Verify the answer to this browser's request; returns its assertion or the refusal.

    Slow: never call it inside a transaction. Raises `Unavailable` without SAML support.
    """
    _require_saml()
    certificates = tuple(read_certificate(text) for text in provider.settings["idp_certificates"])
    expected = Expected(
        provider.settings["idp_entity_id"], certificates, us, _request_id(secret), _subject_attribute(provider)
    )
    try:
        return await asyncio.to_thread(read_answer, answer, expected, now)
    except SamlRefused as refused:
        log.info("saml answer refused", provider=provider.name, reason=str(refused))
        return not_vouched()


async def hand_out_code_once(
    tx: AsyncConnection, context: RequestContext, provider: Provider, assertion: Assertion, login: LoginRequest
) -> HandedOut | Refusal:
    """Return an exchange code for the assertion's identity. An assertion works once."""
    token_id = f"{provider.settings['idp_entity_id']} {assertion.id}"
    if not await repository.use_once(tx, context.account_id, token_id, expires_at=assertion.expires_at):
        return await refuse_provider(tx, context, provider, not_vouched())
    try:
        subject = subject_of(assertion, _subject_attribute(provider), create_users=provider.create_users)
    except IdentityIncomplete as lacking:
        return await refuse_provider(tx, context, provider, identity_incomplete(provider, lacking))
    identity = Identity(assertion.email, assertion.name, email_verified=None, subject=subject)
    return await hand_out_code(tx, context, provider, identity, login)


def _subject_attribute(provider: Provider) -> str | None:
    return provider.settings.get("subject_attribute")


def _request_id(secret: str) -> str:
    return "_" + derive(secret, "request")  # an XML id must not begin with a digit


def _require_saml() -> None:
    if not signatures.INSTALLED:
        raise Unavailable(signatures.NOT_INSTALLED)
