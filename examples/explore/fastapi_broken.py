"""A shop with three mistakes that only show when another service fails."""

import httpx
from fastapi import FastAPI, HTTPException

from meshlib import AsyncMeshClient, CallOptions


def create_app() -> FastAPI:
    app = FastAPI()
    mesh = AsyncMeshClient("shop")
    cache: dict[str, httpx.Response] = {}

    async def rate() -> float:
        if "rate" not in cache:
            cache["rate"] = await mesh.get("rates", "/eur")  # 1: an error stays in the cache
        return float(cache["rate"].json()["rate"])

    async def pay(order: int, total: float) -> None:
        twice = CallOptions(idempotent=True)  # 2: nothing tells payments that it is a retry
        body = {"order": order, "total": total}
        paid = await mesh.post("payments", "/charge", json=body, extensions={"mesh": twice})
        paid.raise_for_status()

    @app.post("/checkout/{order}")
    async def checkout(order: int) -> dict[str, object]:
        try:
            total = 10 * await rate()
            await pay(order, total)
        except (httpx.HTTPError, ValueError, KeyError) as exc:
            raise HTTPException(503, "try again later") from exc
        also = await mesh.get("recommendations", f"/for/{order}")
        return {"total": total, "also": also.json()}  # 3: without them there is no answer at all

    return app
