"""Nobody but the one browser that its user opened comes in: not by the port, a name, another page, or a token used twice."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lsi_match.desk.guard import COOKIE, HEADERS, Guard, Keys, marked


async def told(request: Request) -> PlainTextResponse:
    return PlainTextResponse("secret")


@pytest.fixture
def keys() -> Keys:
    return Keys(port=4711)


@pytest.fixture
def client(keys: Keys) -> Iterator[TestClient]:
    app = Guard(Starlette(routes=[Route("/{rest:path}", told, methods=["GET", "POST"])]), keys)
    with TestClient(app, base_url=keys.origin, follow_redirects=False) as made:
        yield made


def entered(client: TestClient, keys: Keys) -> TestClient:
    assert client.get(f"/enter/{keys.token}").status_code == 200
    return client


def refused(answer: object) -> None:
    assert (answer.status_code, answer.text) == (403, "")  # type: ignore[attr-defined]


def test_the_token_lets_in_once_and_the_cookie_after_it(client: TestClient, keys: Keys) -> None:
    token = keys.token
    refused(client.get("/"))
    answer = client.get(f"/enter/{token}")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert token not in answer.text + str(answer.headers)
    assert client.get("/nl/").text == "secret"
    client.cookies.clear()
    refused(client.get(f"/enter/{token}"))
    refused(client.get("/enter/"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4711", "localhost:4711", "evil.example:4711", "x.localhost:4711", "", "{host}", "{host}:4712", "{host}:4711."]
)  # fmt: skip
def test_another_name_that_leads_here_is_told_nothing(client: TestClient, keys: Keys, host: str) -> None:
    """DNS rebinding, another user who found the port, another port."""
    entered(client, keys)
    refused(client.get("/nl/", headers={"host": host.format(host=keys.host)}))
    refused(client.get(f"/enter/{keys.token or 'x'}", headers={"host": host.format(host=keys.host)}))


@pytest.mark.parametrize(
    "origin",
    [
        None, "null", "http://evil.example", "http://localhost:4711", "https://{address}", "http://{address}.evil.example",
        "http://{host}:1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_page_cannot_send(client: TestClient, keys: Keys, origin: str | None, method: str) -> None:
    entered(client, keys)
    headers = {} if origin is None else {"origin": origin.format(address=keys.address, host=keys.host)}
    refused(client.request(method, "/nl/p/deliver", headers=headers))


def test_a_form_of_the_desk_itself_comes_through(client: TestClient, keys: Keys) -> None:
    entered(client, keys)
    assert client.post("/nl/p/deliver", headers={"origin": keys.origin}).text == "secret"
    assert marked({"mark": keys.mark}, keys)
    assert not any(marked(one, keys) for one in ({}, {"mark": ""}, {"mark": keys.cookie}, {"mark": "é"}))


@pytest.mark.parametrize("cookie", ["", "x", "é".encode("latin-1").decode("latin-1")])
def test_a_guessed_cookie_is_told_nothing(client: TestClient, keys: Keys, cookie: str) -> None:
    refused(client.get("/nl/", headers={"cookie": urlencode({COOKIE: cookie})}))


def test_every_answer_says_that_nothing_is_kept_framed_or_fetched(client: TestClient, keys: Keys) -> None:
    for answer in (client.get("/"), entered(client, keys).get("/nl/"), client.get("/static/desk.css")):
        assert HEADERS.items() <= dict(answer.headers).items()
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_what_lets_in_is_new_each_time_and_shown_in_no_text() -> None:
    one, other = Keys(), Keys()
    for name in ("host", "token", "cookie", "mark"):
        assert getattr(one, name) != getattr(other, name)
        assert len(getattr(one, name)) >= 16
        assert name == "host" or getattr(one, name) not in repr(one)
