// Places orders, changes one, reads a list page by page and a history, and tells refusals apart by their codes: with types that
// graphql-codegen makes of the schema and of the documents below.
import { graphql } from "./generated";
import { OrderStatus, PlaceOrderInput, TypedDocumentString, UserErrorCode } from "./generated/graphql";

declare const process: { argv: string[]; exitCode: number };

const Place = graphql(`
  mutation Place($input: PlaceOrderInput!) {
    placeOrder(input: $input) {
      replayed
      order { ...OrderParts }
      userErrors { ...UserErrorParts }
    }
  }
`);

const Replace = graphql(`
  mutation Replace($input: ReplaceOrderLinesInput!) {
    replaceOrderLines(input: $input) {
      order { ...OrderParts }
      userErrors { ...UserErrorParts }
    }
  }
`);

const Change = graphql(`
  mutation Change($input: ChangeOrderStatusInput!) {
    changeOrderStatus(input: $input) {
      order { ...OrderParts }
      userErrors { ...UserErrorParts }
    }
  }
`);

const List = graphql(`
  query List($customerId: ID!, $first: Int!, $after: Cursor, $statuses: [OrderStatus!]) {
    ordersOfCustomer(customerId: $customerId, first: $first, after: $after, statuses: $statuses) {
      edges { cursor node { ...OrderParts } }
      pageInfo { hasNextPage endCursor }
      leftOut
    }
  }
`);

const Read = graphql(`
  query Read($id: ID!) {
    order(id: $id) {
      ...OrderParts
      customer { id }
      saga { state }
      history(first: 10) { edges { cursor node { type sequence occurredAt totalAmount } } pageInfo { hasNextPage } }
    }
  }
`);

graphql(`
  fragment OrderParts on Order {
    id version status allowedTransitions totalAmount currency createdAt
    items { productId quantity unitPrice lineTotal }
  }
`);

graphql(`
  fragment UserErrorParts on UserError { code message field currentVersion allowedTransitions existingOrder }
`);

const address = `${process.argv[2]}/graphql`;

async function ask<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data> {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const answer: { data?: Data; errors?: unknown[] } = await response.json();
  if (answer.errors || !answer.data) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  return answer.data;
}

function expect(holds: boolean, found: unknown): asserts holds {
  if (!holds) throw new Error(`unexpected: ${JSON.stringify(found)}`);
}

interface UserError {
  code: UserErrorCode;
  message: string;
  field?: string[] | null;
  currentVersion?: number | null;
  allowedTransitions?: OrderStatus[] | null;
  existingOrder?: string | null;
}

// What a shop would do about a refusal. The compiler proves that no code is forgotten.
function remedy(error: UserError): string {
  switch (error.code) {
    case UserErrorCode.VersionMismatch:
      return `read again, it has version ${error.currentVersion}`;
    case UserErrorCode.InvalidTransition:
      return `offer ${error.allowedTransitions?.join(" or ")}`;
    case UserErrorCode.DuplicateClientReference:
      return `show order ${error.existingOrder}`;
    case UserErrorCode.ConcurrentUpdate:
    case UserErrorCode.IdempotencyInProgress:
    case UserErrorCode.SagaInProgress:
      return "try again";
    case UserErrorCode.OrderNotFound:
      return "forget it";
    case UserErrorCode.AmountOverflow:
    case UserErrorCode.CurrencyNotEnabled:
    case UserErrorCode.DuplicateProduct:
    case UserErrorCode.IdempotencyKeyReused:
    case UserErrorCode.InvalidIdempotencyKey:
    case UserErrorCode.TotalMismatch:
    case UserErrorCode.ValidationFailed:
      return `mend ${error.field?.join(".")}`;
  }
}

// A field that fails is null, and its error is in `errors`, which `ask` throws.
function there<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("a field is null, and no error says why");
  return value;
}

async function main() {
  const run = Date.now().toString();
  const customerId = run.slice(-9).replace(/^0+/, "1");
  const order = (more: Partial<PlaceOrderInput> = {}): PlaceOrderInput => ({
    customerId,
    items: [{ productId: "7", quantity: 3, unitPrice: "49.99" }],
    ...more,
  });

  const input = order({ idempotencyKey: run, clientReference: run, totalAmount: "149.97" });
  const placed = there((await ask(Place, { input })).placeOrder);
  expect(placed.order?.totalAmount === "149.97" && !placed.replayed && placed.userErrors.length === 0, placed);
  const { id } = placed.order;
  const again = there((await ask(Place, { input })).placeOrder);
  expect(again.replayed && JSON.stringify(again.order) === JSON.stringify(placed.order), again);

  const items = [{ productId: "8", quantity: 1, unitPrice: "5.00" }];
  const replaced = there((await ask(Replace, { input: { id, items, expectedVersion: 1 } })).replaceOrderLines);
  expect(replaced.order?.version === 2 && replaced.order.totalAmount === "5.00", replaced);

  const confirmed = there((await ask(Change, { input: { id, status: OrderStatus.Confirmed } })).changeOrderStatus);
  expect(confirmed.order?.status === OrderStatus.Confirmed, confirmed);
  expect(confirmed.order.allowedTransitions.includes(OrderStatus.Cancelled), confirmed);

  for (let more = 0; more < 4; more++) await ask(Place, { input: order() });
  const pageAfter = async (after?: string | null) => there((await ask(List, { customerId, first: 2, after })).ordersOfCustomer);
  const seen: string[] = [];
  let after: string | null | undefined = null;
  let pages = 0;
  do {
    const page = await pageAfter(after);
    seen.push(...page.edges.map((edge) => edge.node.id));
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    pages++;
  } while (after);
  expect(pages === 3 && seen.length === 5 && new Set(seen).size === 5 && seen[4] === id, seen);
  const moved = there((await ask(List, { customerId, first: 5, statuses: [OrderStatus.Confirmed] })).ordersOfCustomer);
  expect(moved.edges.length === 1 && moved.edges[0].node.id === id, moved);

  const { order: read } = await ask(Read, { id });
  const types = read?.history?.edges.map(({ node }) => `${node.sequence} ${node.type} ${node.totalAmount}`);
  expect(types?.join() === "1 CREATED 149.97,2 UPDATED 5.00,3 CONFIRMED 5.00", read);
  expect(read?.customer.id === customerId && !Number.isNaN(Date.parse(read.createdAt)), read);
  expect((await ask(Read, { id: "9007199254740991" })).order === null, "an order that is not there");

  const refusals: [Promise<{ userErrors: UserError[] }>, string][] = [
    [ask(Place, { input: order({ clientReference: run }) }).then((data) => there(data.placeOrder)), `show order ${id}`],
    [ask(Place, { input: order({ totalAmount: "1.00" }) }).then((data) => there(data.placeOrder)), "mend input.totalAmount"],
    [
      ask(Place, { input: order({ items: [{ productId: "7", quantity: 0, unitPrice: "1" }] }) }).then((data) => there(data.placeOrder)),
      "mend input.items.0.quantity",
    ],
    [
      ask(Change, { input: { id, status: OrderStatus.Delivered } }).then((data) => there(data.changeOrderStatus)),
      "offer IN_PROGRESS or CANCELLED",
    ],
    [
      ask(Change, { input: { id, status: OrderStatus.Cancelled, expectedVersion: 1 } }).then((data) => there(data.changeOrderStatus)),
      "read again, it has version 3",
    ],
    [ask(Replace, { input: { id: "9007199254740991", items } }).then((data) => there(data.replaceOrderLines)), "forget it"],
  ];
  for (const [answer, expected] of refusals) {
    const { userErrors } = await answer;
    expect(userErrors.length === 1 && remedy(userErrors[0]) === expected, [userErrors, expected]);
  }
}

main().catch((failure) => {
  console.error(failure);
  process.exitCode = 1;
});
