// Places an order, confirms it, finds it in the customer's list, and is told what is wrong with another one.
import { Configuration, OrdersApi, PlaceOrder, ProblemFromJSON, ResponseError, Status } from "./generated";

declare const process: { argv: string[]; exitCode: number };

function order(quantity: number): PlaceOrder {
  return { customerId: 42, items: [{ productId: 7, quantity, unitPrice: "49.99" }] };
}

function expect(holds: boolean, found: unknown) {
  if (!holds) throw new Error(`unexpected: ${JSON.stringify(found)}`);
}

async function main() {
  const orders = new OrdersApi(new Configuration({ basePath: process.argv[2] }));

  const placed = await orders.placeOrder({ placeOrder: order(3) });
  expect(placed.totalAmount === "149.97" && placed.items[0].lineTotal === "149.97", placed);

  const confirmed = await orders.changeStatus({ id: placed.id, changeStatus: { status: Status.Confirmed } });
  expect(confirmed.status === Status.Confirmed && confirmed.version === 2, confirmed);
  expect(confirmed.createdAt.getTime() === placed.createdAt.getTime(), confirmed);

  const page = await orders.listCustomerOrders({ customerId: 42, limit: 1 });
  expect(JSON.stringify(page.orders) === JSON.stringify([confirmed]), page);

  try {
    await orders.placeOrder({ placeOrder: order(0) });
    throw new Error("an order of nothing is placed");
  } catch (refused) {
    if (!(refused instanceof ResponseError)) throw refused;
    const problem = ProblemFromJSON(await refused.response.json());
    expect(problem.status === 400 && problem.code === "validation_failed", problem);
    expect(problem.errors?.[0].pointer === "/items/0/quantity", problem);
  }
}

main().catch((failure) => {
  console.error(failure);
  process.exitCode = 1;
});
