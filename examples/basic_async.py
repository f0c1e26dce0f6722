"""The same client for asynchronous code, sharing one mesh with a blocking one."""

import asyncio

from _replica import Replica

from meshlib import AsyncMeshClient, Mesh, MeshClient, deadline

replicas = [Replica(name) for name in "ab"]
mesh = Mesh("checkout", services={"users": [replica.url for replica in replicas]})


async def main() -> None:
    async with AsyncMeshClient(mesh=mesh) as client:
        with deadline(2.0):  # for everything called inside
            answers = await asyncio.gather(*(client.get("users", "/") for _ in range(20)))
    print("20 at once:", sorted(answer.json()["from"] for answer in answers))


asyncio.run(main())
with MeshClient(mesh=mesh) as client:
    print("blocking:  ", client.get("users", "/").json())
print(mesh.metrics())
mesh.close()
for replica in replicas:
    replica.stop()
