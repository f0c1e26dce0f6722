"""What customers call: FastAPI, for `uvicorn gateway:app --port 8000`."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

from meshlib.integrations.fastapi import MeshDependency, Meshed

meshed = Meshed("gateway", config=Path(__file__).with_name("shop.yaml"))
meshed.health.depends_on(meshed.client, "orders", critical=False)
app = FastAPI()
meshed.install(app)


@app.get("/orders/{number}")
async def order(number: int, response: Response, mesh: MeshDependency) -> Any:
    """An order, as the service of orders knows it."""
    answer = await mesh.get("orders", f"/{number}")
    response.status_code = answer.status_code
    return answer.json()
