"""What identifies the user of a SAML assertion (SAML Core 8.3.7 and 8.3.8)."""

from app.sign_in.sso.rules import IdentityIncomplete
from app.sign_in.sso.saml.messages.answers import Assertion

_TRANSIENT = (
    "The identity provider sends a transient NameID, another one at each sign-in. Let it send a persistent one, "
    "or name the attribute that identifies a user as the provider's `subject_attribute`."
)
_NO_ATTRIBUTE = "The answer has no single value of the attribute that the provider's `subject_attribute` names."


def subject_of(assertion: Assertion, subject_attribute: str | None, *, create_users: bool) -> str | None:
    """Return the lasting id of the assertion's user; raises `IdentityIncomplete`.

    None means that the e-mail address alone identifies the user, because a transient NameID cannot. With
    `create_users` this is refused: a new user could not be found again once the address changes.
    """
    if subject_attribute is not None:
        if assertion.subject is None:
            raise IdentityIncomplete(_NO_ATTRIBUTE)
        return assertion.subject
    if assertion.name_id is None and create_users:
        raise IdentityIncomplete(_TRANSIENT)
    return assertion.name_id
