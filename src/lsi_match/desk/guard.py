"""Who may see the pages: one user, who started the desk, in one browser.

Everybody on the machine can reach a port, any page in a browser can send to it, and a name can be made to lead to it. So:

1. The address has a name that nobody else knows (`<16 hex>.localhost`): `Host` has to be that name. Browsers keep a cookie
   to a name, not to a port, so that no other server on this machine is sent ours. A name that somebody else lets lead here
   is another name.
2. A token that works once, and is told to whoever started the desk only, is turned into a cookie.
3. What changes something has to come from a form of the desk itself: its `Origin`, and a mark that stands in the form.
4. Nothing is kept by the browser, nothing comes from elsewhere, and nobody may frame a page.

Who does not come in is told nothing, neither which program this is.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "desk"
#: The field of a form that shows that a page of the desk made it.
MARK = "mark"
#: Of every answer.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
#: The policy of a page that says what is wrong while it is typed: the one script is of the desk itself, and asks the desk only.
TYPING = f"{HEADERS['content-security-policy']}; script-src 'self'; connect-src 'self'"
_READS = ("GET", "HEAD")


@dataclass
class Keys:
    """What lets somebody in, made anew each time the desk starts; none of it is kept."""

    host: str = field(default_factory=lambda: f"{secrets.token_hex(8)}.localhost")
    port: int = 0
    #: Works once; then it is empty.
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    cookie: str = field(default_factory=secrets.token_urlsafe, repr=False)
    mark: str = field(default_factory=secrets.token_urlsafe, repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.address}"

    @property
    def entrance(self) -> str:
        """The address to begin at, once."""
        return f"{self.origin}/enter/{self.token}"


class Guard:
    """Lets through to `app` what may come in, by the rules of the module."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no other kind of connection is answered
        answer = self._refused(Request(scope))
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _refused(self, request: Request) -> Response | None:
        """The answer to what may not come in, or enters; None where the desk answers."""
        keys, headers = self._keys, request.headers
        if not _same(headers.get("host"), keys.address) or len(headers.getlist("host")) != 1:
            return _nothing()
        if request.scope["path"].startswith("/enter/"):
            return self._entered(request)
        if not _same(request.cookies.get(COOKIE), keys.cookie):
            return _nothing()
        if request.method not in _READS and not _same(headers.get("origin"), keys.origin):
            return _nothing()
        return None

    def _entered(self, request: Request) -> Response:
        token, keys = request.scope["path"].removeprefix("/enter/"), self._keys
        if request.method != "GET" or not keys.token or not _same(token, keys.token):
            return _nothing()
        keys.token = ""
        # A page, and no redirect: a browser sends a strict cookie only from one page of the desk to another.
        answer = HTMLResponse(
            '<!doctype html><html lang="nl"><title>lsi-match</title><meta http-equiv="refresh" content="0; url=/"><a href="/">→</a>'
        )
        answer.set_cookie(COOKIE, keys.cookie, httponly=True, samesite="strict", path="/")
        return answer


def marked(form: Mapping[str, Any], keys: Keys) -> bool:
    """Whether a page of this desk made the form."""
    return _same(str(form.get(MARK, "")), keys.mark)


def _nothing() -> Response:
    return PlainTextResponse("", status_code=403)


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), wanted.encode())


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
