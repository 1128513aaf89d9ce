"""Places an order, confirms it, finds it in the customer's list, and is told what is wrong with another one."""

import sys

from generated import Client
from generated.api.orders import change_status, list_customer_orders, place_order
from generated.models import ChangeStatus, Order, OrderLineInput, OrderPage, PlaceOrder, Problem, Status


def order(quantity):
    return PlaceOrder(customer_id=42, items=[OrderLineInput(product_id=7, quantity=quantity, unit_price="49.99")])


client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)

placed = place_order.sync(client=client, body=order(3))
assert isinstance(placed, Order), placed
assert placed.total_amount == "149.97" and placed.items[0].line_total == "149.97", placed

confirmed = change_status.sync(placed.id, client=client, body=ChangeStatus(status=Status.CONFIRMED))
assert isinstance(confirmed, Order), confirmed
assert confirmed.status is Status.CONFIRMED and confirmed.version == 2, confirmed

page = list_customer_orders.sync(42, client=client, limit=1)
assert isinstance(page, OrderPage), page
assert page.orders == [confirmed], page

refused = place_order.sync(client=client, body=order(0))
assert isinstance(refused, Problem), refused
assert refused.status == 400 and refused.code == "validation_failed", refused
assert refused.errors[0].pointer == "/items/0/quantity", refused
