"""A page that is shown even when the recommendations are not to be had."""

from _replica import Replica

from meshlib import CallOptions, CircuitOpenError, MeshClient

replica = Replica("only")
services = {"recommendations": {"endpoints": [replica.url], "retry": {"max_attempts": 2}}}
nothing = CallOptions(fallback={"items": []})

with MeshClient("shop", services=services) as mesh:
    print("up:   ", mesh.get("recommendations", "/for/7").json())
    replica.stop()
    for _ in range(5):
        answer = mesh.get("recommendations", "/for/7", extensions={"mesh": nothing})
        assert answer.json() == {"items": []}
    print("down: ", answer.json(), "by the fallback:", answer.extensions["mesh"].fallback)

    try:
        mesh.get("recommendations", "/for/7")
    except CircuitOpenError as exc:  # an httpx.TransportError
        print(f"without one: {type(exc).__name__}, try again in {exc.retry_after:.1f} s")
