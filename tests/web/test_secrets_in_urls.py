"""No secret is in a URL that is sent to a server, because access logs store URLs."""

import re
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from app.credentials.links.rules import Purpose, link_url

# `code` and `state` come back from an identity provider, as OpenID Connect requires. They work once, and only with
# the cookie of the browser. `code_challenge` is the hash of a verifier that is never in a URL.
IN_A_QUERY = {
    "actor_id",
    "bom",
    "code",
    "code_challenge",
    "code_challenge_method",
    "cursor",
    "end_users",
    "error",
    "kind",
    "limit",
    "locale",
    "q",
    "return_to",
    "role",
    "since",
    "state",
    "status",
    "target_id",
    "team_members",
    "two_factor",
    "type",
    "until",
}
IDS = {"token_id", "user_id", "authenticator_id", "enrollment_id", "session_id", "device_id", "report_id"}
NAMES = {"account", "name", "kind", "code"}  # the code of a problem
TEMPLATES = (
    None,
    "https://app.example.com/{account}/{kind}#{token}",
    "https://app.example.com/{locale}/{account}/{kind}#{token}",
)


def test_only_the_listed_parameters_are_in_urls(app: FastAPI) -> None:
    document = app.openapi()
    asked: list[dict[str, Any]] = []
    for item in document["paths"].values():
        asked += item.get("parameters", [])
        for method in item.keys() - {"parameters"}:
            asked += item[method].get("parameters", [])
    in_paths = set(re.findall("{([^}]+)}", " ".join(document["paths"])))

    assert {parameter["name"] for parameter in asked if parameter["in"] == "query"} == IN_A_QUERY
    assert in_paths == IDS | NAMES


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("page", sorted({purpose.page for purpose in Purpose} | {"report"}))
def test_the_token_of_every_e_mailed_link_is_in_the_fragment(template: str | None, page: str) -> None:
    url = link_url(template, "https://id.example.com", slug="acme", page=page, locale="de", token="the-secret")

    before, _, fragment = url.partition("#")
    assert "the-secret" not in before
    assert fragment == "the-secret"


def test_the_url_of_a_link_has_the_users_locale_percent_encoded() -> None:
    given = {"slug": "acme", "page": "email", "token": "t"}

    assert link_url(None, "https://id.example.com", locale="de-AT", **given) == (
        "https://id.example.com/links/acme/email?locale=de-AT#t"
    )
    assert link_url(TEMPLATES[2], "", locale="../x#y&z", **given) == (
        "https://app.example.com/..%2Fx%23y%26z/acme/email#t"
    )


@pytest.mark.parametrize(
    "url", ["https://a.example/{account}/{kind}?t={token}", "https://a.example/{token}#{kind}"]
)
def test_a_front_end_gets_the_token_in_the_fragment_or_not_at_all(url: str) -> None:
    with pytest.raises(ValueError, match="must be like"):
        Settings.model_validate({"link_url": url})
