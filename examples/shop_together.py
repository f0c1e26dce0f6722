"""Three services in processes of their own: together, without the stock, and whole again."""

from _processes import Processes

from meshlib import MeshClient

with Processes() as shop, MeshClient("customer") as customer:
    order = shop.urls["gateway"] + "/orders/7"
    print("together:", customer.get(order).json())

    shop.stop("stock")
    answer = customer.get(order)
    assert answer.status_code == 200
    print("degraded:", answer.json())

    shop.start("stock")
    shop.wait_for("stock")
    while answer.json()["in_stock"] is None:  # until its breaker lets a probe through
        answer = customer.get(order)
    print("whole:   ", answer.json())
