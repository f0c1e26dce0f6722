"""The SDK of OpenAI over a mesh of two replicas of a model, of which one is down."""

import json

import httpx2
import openai

from meshlib.httpx2 import MeshClient


def model(request: httpx2.Request) -> httpx2.Response:
    """Answer any chat; one replica has no memory left."""
    if request.url.host == "10.0.0.1":
        return httpx2.Response(503)
    asked = json.loads(request.content)["messages"][-1]["content"]
    message = {"role": "assistant", "content": f"{request.url.host} was asked: {asked}"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
    return httpx2.Response(200, json=answer)


services = {
    "model": {
        "endpoints": ["http://10.0.0.1:8000", "http://10.0.0.2:8000"],
        "idempotent": True,  # a chat may be asked twice
    }
}
transport = httpx2.MockTransport(model)  # leave it out to call real replicas

with MeshClient("shop", services=services, transport=transport) as client:
    sdk = openai.OpenAI(
        api_key="none", base_url="http://model/v1", http_client=client, max_retries=0
    )
    for question in ("Hello?", "Still there?"):
        chat = sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": question}]
        )
        print(chat.choices[0].message.content)
