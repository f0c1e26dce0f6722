"""The stock: Starlette, for `uvicorn stock:app --port 8002`."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from meshlib.inbound import served_request
from meshlib.integrations import Meshed

IN_STOCK = {"tea": 12, "cups": 3}


async def count(request: Request) -> JSONResponse:
    """How much there is of an item, and who has asked, the first first."""
    served = served_request.get()
    asked_by = [] if served is None else list(served.stack)
    return JSONResponse({"in_stock": IN_STOCK[request.path_params["item"]], "asked_by": asked_by})


app = Starlette(routes=[Route("/{item}", count)])
Meshed("stock", config=Path(__file__).with_name("shop.yaml")).install(app)
