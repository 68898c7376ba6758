"""Identity providers on the wire: one shape for all types, with the union of their settings."""

from typing import Annotated, Literal

from pydantic import Field

from app.accounts.users.schemas import RoleName
from app.core.callers import Role
from app.sign_in.sso.rules import ProviderType
from app.web.wire import LEFT_OUT, Answer, Body, Open

_ROLES: tuple[RoleName, ...] = ("agent", "end_user")
Line = Annotated[str, Field(min_length=1, max_length=1024)]
Addresses = Annotated[list[Line], Field(max_length=20)]


class ProviderChange(Body):
    """The wanted configuration of a provider. A secret that is left out is kept."""

    type: Literal["jwt", "oidc", "saml"]
    create_users: bool = False
    default_role: RoleName = "end_user"
    roles: Annotated[list[RoleName], Field(min_length=1, max_length=4)] = Field(
        default_factory=lambda: list(_ROLES)
    )
    trusted_domains: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    secret: Annotated[str, Field(max_length=1024, description="jwt: shared with the application's sign-in")] = (
        LEFT_OUT
    )
    issuer: Annotated[Line, Field(description="oidc")] = LEFT_OUT
    client_id: Annotated[Line, Field(description="oidc")] = LEFT_OUT
    client_secret: Annotated[Line, Field(description="oidc; a public client has none")] = LEFT_OUT
    idp_entity_id: Annotated[Line, Field(description="saml")] = LEFT_OUT
    idp_sso_url: Annotated[Line, Field(description="saml")] = LEFT_OUT
    idp_certificates: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=8192)]],
        Field(max_length=5, description="saml; X.509, in PEM or its base64 alone"),
    ] = LEFT_OUT
    subject_attribute: Annotated[
        Line, Field(description="jwt: the claim, saml: the attribute that identifies a user; never assigned anew")
    ] = LEFT_OUT
    return_urls: Annotated[Addresses, Field(description="oidc, saml: where a browser may go back to")] = LEFT_OUT


class Provider(Answer):
    """A provider, without its secret, with the settings of its type."""

    name: str
    type: Open[ProviderType]
    create_users: bool
    default_role: Open[Role]
    roles: list[Open[Role]]
    trusted_domains: list[str]
    issuer: str | None = None
    client_id: str | None = None
    idp_entity_id: str | None = None
    idp_sso_url: str | None = None
    idp_certificates: list[str] | None = None
    subject_attribute: str | None = None
    return_urls: list[str] | None = None
