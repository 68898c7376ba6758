"""Shows `passgate check --url` which client address the service sees.

The request must carry a proof sealed by one of the sealing keys, so it comes from the same installation. All
others get 404, because the number of proxies should stay private.
"""

import base64
from datetime import datetime, timedelta

from fastapi import APIRouter, Request

from app.authentication.context import client_address, forwarded_for
from app.core.errors import NotFound
from app.core.ids import NIL_ID
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.web.dependencies import AppServices
from app.web.wire import Answer

PATH = "/client-address"
_SCHEME = "Bearer "
_LIFETIME = timedelta(minutes=5)
# Associated data of no database row, so the proof cannot be opened as anything else.
_PURPOSE = AssociatedData("", "address probe", NIL_ID, NIL_ID, user_id=None)

router = APIRouter()


class SeenClient(Answer):
    """The peer, the X-Forwarded-For entries, the trusted hops, and the resulting address."""

    peer: str
    forwarded_for: list[str]
    trusted_proxy_hops: int
    address: str


def proof(sealer: Sealer, now: datetime) -> str:
    """Return the `Authorization` header that gives access to the path for five minutes."""
    sealed = sealer.seal(now.isoformat().encode(), _PURPOSE)
    return _SCHEME + base64.urlsafe_b64encode(sealed).decode()


@router.get(PATH, include_in_schema=False)
async def get_client_address(request: Request, services: AppServices) -> SeenClient:
    """Return the client address of this request; raises `NotFound` without a valid proof."""
    if not _is_proven(services.sealer, request.headers.get("authorization", ""), services.clock.now()):
        raise NotFound("There is no such path.")
    hops = services.settings.trusted_proxy_hops
    return SeenClient(
        peer=request.client.host if request.client else "",
        forwarded_for=forwarded_for(request),
        trusted_proxy_hops=hops,
        address=client_address(request, hops),
    )


def _is_proven(sealer: Sealer, given: str, now: datetime) -> bool:
    try:
        sealed = base64.b64decode(given.removeprefix(_SCHEME), altchars=b"-_", validate=True)
        made_at = datetime.fromisoformat(sealer.open(sealed, _PURPOSE).decode())
    except (ValueError, SealBroken):
        return False
    return abs(now - made_at) <= _LIFETIME
