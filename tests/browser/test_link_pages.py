"""The pages behind e-mailed links, in a real browser: what they show, do and keep."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.mailed_links import PASSWORD, MailedLinks, is_focused, wait_for
from tests.support.programs.chromium import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium")

ENDED = "The link has ended"
NO_STORAGE = """
    Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no", "SecurityError"); } });
"""


def test_an_invited_user_sets_a_password_and_the_form_is_gone(links: MailedLinks, page: Page) -> None:
    user, link = links.invite()
    asked: list[tuple[str, str | None]] = []
    page.on("request", lambda request: asked.append((request.url, request.headers.get("referer"))))

    page.goto(link)
    page.locator("#password").wait_for()
    shown = page.locator("dl").inner_text()
    assert "Valid until" in shown
    assert "Demo" in shown
    assert "Eve O'Neil" in shown
    assert "e•••@demo.example" in shown
    assert user["email"] not in page.content()
    assert not page.locator("div", has_text="New e-mail address").is_visible()

    page.fill("#password", "password1")
    page.click("form button")
    wait_for(page, "alert", "10,000 most used")
    assert is_focused(page, "#password[aria-invalid=true][aria-describedby~=alert]")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    wait_for(page, "status", "Your password is set")

    assert page.locator("form, input").count() == 0
    assert "Valid until" not in page.locator("main").inner_text()
    assert is_focused(page, "#status")
    onward = page.get_by_role("link", name="Continue to demo.app.example")
    assert onward.get_attribute("href") == "https://demo.app.example/sign-in"
    assert page.evaluate("Object.entries(sessionStorage)") == [["passgate done /links/demo/password", ""]]
    assert [url for url, referrer in asked if "pgp_" in url.partition("#")[0] or referrer] == []
    body = {"email": user["email"], "password": PASSWORD}
    assert links.api.post("/sign-ins", json=body).status_code == 201

    page.reload()
    wait_for(page, "status", "Your password is set")
    assert page.locator("form").count() == 0
    assert onward.is_visible()


def test_a_good_link_survives_a_reload_and_is_in_no_history(links: MailedLinks, page: Page) -> None:
    _, link = links.invite()
    page.goto(link)
    page.locator("#password").wait_for()
    assert "pgp_" not in page.url

    page.reload()
    page.locator("#password").wait_for()
    page.goto(f"{links.service.url}/problems/not_found")
    page.go_back()
    page.locator("#password").wait_for()
    assert "pgp_" not in page.url
    # Another tab has no token: it asks for the link, and does not say that the link has ended.
    beside = page.context.new_page()
    beside.goto(page.url)
    wait_for(beside, "alert", "open the link from your e-mail again")
    assert beside.locator("form").count() == 0

    page.fill("#password", PASSWORD)
    page.click("form button")
    wait_for(page, "status", "Your password is set")


def test_a_dead_link_says_so_before_anything_is_typed(links: MailedLinks, page: Page) -> None:
    user, used = links.invite()
    newer = links.password_link(user)
    body = {"token": used.partition("#")[2], "new_password": PASSWORD}
    assert links.api.post("/password-links/redemption", json=body).status_code == 204

    for link in (used, newer):
        page.goto("about:blank")
        page.goto(link)
        wait_for(page, "alert", ENDED)
        assert is_focused(page, "#alert")
        assert page.locator("form, input").count() == 0
        assert page.locator("dl").is_hidden()
        assert page.get_by_role("link", name="Continue to").is_visible()
        assert page.evaluate("sessionStorage.length") == 0


def test_no_link_can_claim_that_it_was_used(links: MailedLinks, page: Page) -> None:
    for fragment in ("done", "passgate done", "", "<b>x</b>"):
        page.goto("about:blank")
        page.goto(f"{links.service.url}/links/demo/password#{fragment}")
        page.locator("#alert:not(:empty)").wait_for()
        assert page.locator("#status").inner_text() == ""


def test_a_link_that_ends_while_its_page_is_open(links: MailedLinks, page: Page) -> None:
    _, link = links.invite()
    page.goto(link)
    page.locator("#password").wait_for()
    body = {"token": link.partition("#")[2], "new_password": PASSWORD}
    assert links.api.post("/password-links/redemption", json=body).status_code == 204

    page.fill("#password", "another long password")
    page.click("form button")
    wait_for(page, "alert", ENDED)
    assert page.locator("form, input").count() == 0


def test_another_link_that_is_opened_in_the_same_tab_counts(links: MailedLinks, page: Page) -> None:
    user, _ = links.invite()
    old = links.password_link(user)
    page.goto(old)
    page.locator("#password").wait_for()
    newer = links.password_link(user)

    page.evaluate("link => { location.href = link }", newer)  # changes the fragment alone
    page.wait_for_function("!location.hash")
    page.locator("#password").wait_for()
    page.fill("#password", PASSWORD)
    page.click("form button")
    wait_for(page, "status", "Your password is set")


def test_an_answer_that_got_lost_can_be_asked_for_again(links: MailedLinks, page: Page) -> None:
    _, link = links.invite()
    page.goto(link)
    page.locator("#password").wait_for()

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/redemption", lose_the_answer, times=1)
    page.fill("#password", PASSWORD)
    page.click("form button")
    wait_for(page, "alert", "If the link has ended by then, it worked at the first try")
    assert is_focused(page, "#alert")
    page.click("form button")
    wait_for(page, "alert", "it was used")


def test_a_service_that_is_away_is_asked_again(links: MailedLinks, page: Page) -> None:
    _, link = links.invite()
    page.route("**/link-details", lambda route: route.abort(), times=1)
    page.goto(link)
    wait_for(page, "alert", "not available at the moment")
    assert page.locator("form").is_hidden()

    page.get_by_role("button", name="Try again").click()
    page.locator("#password").wait_for()


def test_two_clicks_send_one_request(links: MailedLinks, page: Page) -> None:
    _, link = links.invite()
    page.goto(link)
    page.locator("#password").wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.fill("#password", PASSWORD)
    page.evaluate("document.querySelector('form button').click(); document.querySelector('form button').click()")
    wait_for(page, "status", "Your password is set")

    assert len([url for url in sent if url.endswith("/redemption")]) == 1


def test_a_change_of_address_is_confirmed_or_stopped(links: MailedLinks, page: Page) -> None:
    user, _ = links.invite()
    _, stop = links.change_address(user)
    page.goto(stop)
    page.get_by_role("button", name="Stop the change").wait_for()
    assert "n•••@demo.example" in page.locator("dl").inner_text()
    page.get_by_role("button").click()
    wait_for(page, "status", "Your e-mail address stays as it is")

    confirm, stop = links.change_address(user)
    page.goto(confirm)
    page.get_by_role("button", name="Confirm the address").click()
    wait_for(page, "status", "Your e-mail address is confirmed")
    page.goto(stop)
    wait_for(page, "alert", "the change was confirmed")
    assert page.locator("form").count() == 0


def test_without_storage_the_token_stays_in_the_address_bar_until_it_is_used(
    links: MailedLinks, page: Page
) -> None:
    _, link = links.invite()
    page.add_init_script(NO_STORAGE)
    page.goto(link)
    page.locator("#password").wait_for()
    page.reload()
    page.locator("#password").wait_for()
    page.fill("#password", PASSWORD)
    page.click("form button")
    wait_for(page, "status", "Your password is set")
    assert "pgp_" not in page.url


def test_without_a_script_the_page_says_that_it_needs_one(links: MailedLinks, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{links.service.url}/links/demo/password#pgp_x")

    assert page.locator("noscript p").is_visible()
    assert page.locator("form").is_hidden()
    context.close()


def test_the_page_and_its_files_come_from_the_service_alone(links: MailedLinks, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    _, link = links.invite()
    page.goto(link)
    page.locator("#password").wait_for()

    assert {httpx.URL(url).host for url in asked} == {"127.0.0.1"}
