"""The protocols by which a browser logs in at a provider. A new one is one entry here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.callers import RequestContext
from app.services import Services
from app.sign_in.sso.oidc.issuer.issuers import Issuers
from app.sign_in.sso.oidc.use_cases import begin_oidc_login, client_of
from app.sign_in.sso.rules import Provider, ProviderType
from app.sign_in.sso.saml.use_cases import begin_saml_login, service_provider


@dataclass(frozen=True)
class BegunLogin:
    """A login that begins: in which account, at which provider, with the secret that only the browser keeps."""

    services: Services
    context: RequestContext
    issuers: Issuers
    slug: str
    provider: Provider
    secret: str


@dataclass(frozen=True)
class Protocol:
    """How a browser gets to a provider, and whether the answer is posted from the provider's own page."""

    login_address: Callable[[BegunLogin], Awaitable[str]]
    answers_by_post: bool


async def _oidc_address(login: BegunLogin) -> str:
    services, provider = login.services, login.provider
    client = client_of(services.sealer, login.context, provider, services.settings.public_url, login.slug)
    return await begin_oidc_login(login.issuers, login.context, provider, client, login.secret)


async def _saml_address(login: BegunLogin) -> str:
    ourselves = service_provider(login.services.settings.public_url, login.slug, login.provider.name)
    return begin_saml_login(login.provider, ourselves, login.secret, login.context.now)


PROTOCOLS = {
    ProviderType.OIDC: Protocol(_oidc_address, answers_by_post=False),
    ProviderType.SAML: Protocol(_saml_address, answers_by_post=True),
}
