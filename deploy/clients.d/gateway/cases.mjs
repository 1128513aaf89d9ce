// A gateway of Apollo Federation before two subgraphs: the orders of the service, and the customers of another team. Each case is
// asserted, and told in one line; the others are tried although one has failed.
//
// The service asks for tokens and answers no introspection, so that whatever arrives has passed the gateway with its token, and
// the schema is known by `_service` alone.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse, print, visit } from "graphql";
import { createClient } from "graphql-sse";
import { until } from "../graphql/service.mjs";
import { customersSdl, serveCustomers } from "./customers.mjs";
import { start } from "./processes.mjs";
import { bearer, publicKeyPem } from "./tokens.mjs";

const [, , binary, folder, ...ports] = process.argv;
const [service, withoutFederation, customersService, gateway] = ports.map((port) => `http://127.0.0.1:${port}`);
const staff = bearer("orders:read orders:write orders:fulfil orders:any orders:metrics");

async function ask(base, query, { variables, token = staff } = {}) {
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
  if (token) headers.authorization = token;
  const answer = await fetch(`${base}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  return { status: answer.status, ...(await answer.json()) };
}

async function data(base, query, options) {
  const answer = await ask(base, query, options);
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

async function rest(path, body) {
  const headers = { authorization: staff, "content-type": "application/json" };
  const answer = await fetch(service + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer;
}

/** The value of a metric of the service, all its labels together. */
async function metric(name) {
  const lines = (await (await rest("/actuator/prometheus")).text()).split("\n");
  return lines.filter((line) => line.match(/^\w+/)?.[0] === name).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

let failed = 0;
async function prove(what, holds) {
  try {
    await holds();
    console.log(`gateway: ${what}`);
  } catch (failure) {
    failed++;
    console.error(`gateway: FAILED: ${what}\n${failure.stack}`);
  }
}

// The parts.
const keyFile = `${folder}/issuer.pem`;
writeFileSync(keyFile, publicKeyPem);
const startService = (base, name, federation) =>
  start(`${folder}/${name}.log`, `${base}/actuator/health/readiness`, binary,
    `--server.port=${new URL(base).port}`,
    `--spring.datasource.url=sqlite://${folder}/${name}.db`,
    "--order.graphql.enabled=true",
    `--order.graphql.federation=${federation}`,
    "--spring.graphql.schema.introspection.enabled=false",
    `--spring.security.oauth2.resourceserver.jwt.public-key-location=${keyFile}`,
    "--spring.security.oauth2.resourceserver.jwt.audiences=orders");
await Promise.all([startService(service, "service", true), startService(withoutFederation, "without-federation", false)]);

const placed = { 42: [], 43: [], 44: [] };
for (const [customerId, count] of [[42, 3], [43, 1]]) {
  for (let number = 1; number <= count; number++) {
    const lamp = { productId: 8, name: "Desk lamp", quantity: 1, unitPrice: "5" };
    const items = [{ productId: 7, quantity: number, unitPrice: "49.99" }, lamp];
    placed[customerId].push(String((await (await rest("/orders", { customerId, items })).json()).id));
  }
}
const [ofOne, ofOther] = [placed[42][0], placed[43][0]];
const missing = "9007199254740991";
const customers = Object.keys(placed).map((id) => ({ id, name: `Customer ${id}`, email: `${id}@example.com`, marked: [] }));
customers[0].marked = [ofOne, missing, ofOther].map((id) => ({ id }));
const askedOfCustomers = [];
await serveCustomers(new URL(customersService).port, customers, askedOfCustomers);

const { _service: { sdl } } = await data(service, "{ _service { sdl } }");
const compose = (orders, others) =>
  composeServices([
    { name: "orders", url: `${service}/graphql`, typeDefs: parse(orders) },
    { name: "customers", url: `${customersService}/graphql`, typeDefs: parse(others) },
  ]);
const printed = (...options) => execFileSync(binary, ["graphql-schema", ...options], { encoding: "utf8" });

const supergraph = compose(sdl, customersSdl());
assert.equal(supergraph.errors, undefined);
const supergraphFile = `${folder}/supergraph.graphql`;
writeFileSync(supergraphFile, supergraph.supergraphSdl);
await start(`${folder}/gateway.log`, `${gateway}/readiness`, process.execPath,
  "node_modules/@graphql-hive/gateway/dist/bin.js", "supergraph", supergraphFile,
  "--config-path", "gateway.config.mjs", "--host", "127.0.0.1", "--port", new URL(gateway).port);

// The cases.
await prove("1. what `_service` tells composes with the other subgraph, and is what `graphql-schema --federation` prints", () => {
  assert.equal(compose(sdl, customersSdl()).errors, undefined);
  // The library leaves `@specifiedBy` out of `_service`, and indents in another way.
  const plain = (text) => print(visit(parse(text), { ScalarTypeDefinition: { enter: (scalar) => ({ ...scalar, directives: [] }) } }));
  assert.equal(plain(sdl), plain(printed("--federation")));
});

await prove("1. a subgraph in which `Customer.id` has another type is refused by composition", () => {
  const { errors } = compose(sdl, customersSdl("Int"));
  assert.deepEqual(errors.map(({ extensions }) => extensions.code), ["FIELD_TYPE_MISMATCH"]);
  assert.match(errors[0].message, /Customer\.id/);
});

await prove("2. the orders of three customers, joined by one request to the service, are those of REST", async () => {
  const lines = "productId name quantity unitPrice lineTotal";
  const before = await metric("order_graphql_requests_total");
  const joined = await data(gateway, `{ customers { id name orders(first: 2) {
    edges { node { id totalAmount currency status version items { ${lines} } } } pageInfo { endCursor hasNextPage } } } }`);
  assert.equal(await metric("order_graphql_requests_total"), before + 1);
  const expected = [];
  for (const { id, name } of customers) {
    const { orders, nextCursor } = await (await rest(`/orders/customer/${id}?limit=2`)).json();
    const edges = orders.map((order) => {
      const items = order.items.map((item) => ({ ...item, productId: String(item.productId), name: item.name ?? null }));
      const { totalAmount, currency, status, version } = order;
      return { node: { id: String(order.id), totalAmount, currency, status, version, items } };
    });
    // The end of a page has a cursor in GraphQL although no more come.
    const { endCursor } = joined.customers[expected.length].orders.pageInfo;
    if (nextCursor) assert.equal(endCursor, nextCursor);
    expected.push({ id, name, orders: { edges, pageInfo: { endCursor, hasNextPage: nextCursor !== null } } });
  }
  assert.deepEqual(expected.map(({ orders }) => orders.edges.length), [2, 1, 0]);
  assert.deepEqual(joined.customers, expected);
});

await prove("3. an order has its customer's name, and a page of orders asks for their customer once", async () => {
  const { order } = await data(gateway, `{ order(id: ${ofOne}) { id customer { id name email } } }`);
  assert.deepEqual(order, { id: ofOne, customer: { id: "42", name: "Customer 42", email: "42@example.com" } });
  const before = askedOfCustomers.length;
  const { ordersOfCustomer } = await data(gateway, "{ ordersOfCustomer(customerId: 42) { edges { node { id customer { name } } } } }");
  const names = ordersOfCustomer.edges.map(({ node }) => [node.id, node.customer.name]);
  assert.deepEqual(names, placed[42].toReversed().map((id) => [id, "Customer 42"]));
  assert.equal(askedOfCustomers.length, before + 1);
});

const marked = async (token) => (await ask(gateway, "{ customers { marked { id totalAmount } } }", { token })).data.customers[0].marked;
await prove("4. an order that does not exist is null, and the others of its list stay", async () => {
  const order = (id, totalAmount) => ({ id, totalAmount });
  assert.deepEqual(await marked(staff), [order(ofOne, "54.99"), null, order(ofOther, "54.99")]);
});

await prove("4. of representations that cost 20 each, 100 are taken and 101 are refused", async () => {
  const answered = (count) => {
    const representations = Array.from({ length: count }, (_, index) => ({ __typename: "Customer", id: String(index + 1) }));
    const selection = "... on Customer { id orders(first: 18) { leftOut } }";
    return ask(service, `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`, { variables: { r: representations } });
  };
  const taken = await answered(100);
  assert.equal(taken.errors, undefined);
  assert.deepEqual(taken.data._entities.map(({ id }) => Number(id)), Array.from({ length: 100 }, (_, index) => index + 1));
  const { status, data: none, errors: [{ extensions }] } = await answered(101);
  assert.deepEqual([status, none, extensions], [400, undefined, { code: "query_too_expensive", limit: "max-cost", most: 2000 }]);
});

const place = `mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) {
  order { id totalAmount customer { name } } userErrors { code field } } }`;
const input = { customerId: "44", items: [{ productId: "7", quantity: 3, unitPrice: "49.99" }] };
await prove("5. a mutation places an order, which is joined with its customer; a refused one says why in userErrors", async () => {
  const { placeOrder } = await data(gateway, place, { variables: { input } });
  const { id } = placeOrder.order;
  assert.deepEqual(placeOrder, { order: { id, totalAmount: "149.97", customer: { name: "Customer 44" } }, userErrors: [] });
  assert.equal((await (await rest(`/orders/${id}`)).json()).totalAmount, "149.97");
  const refused = await data(gateway, place, { variables: { input: { ...input, totalAmount: "1.00" } } });
  assert.deepEqual(refused.placeOrder, { order: null, userErrors: [{ code: "TOTAL_MISMATCH", field: ["input", "totalAmount"] }] });
});

await prove("5. an error of a field keeps its code, and the fields of the other subgraph stay", async () => {
  const { data: answered, errors } = await ask(gateway, '{ order(id: "x") { id } customers { id } }');
  assert.deepEqual(answered, { order: null, customers: customers.map(({ id }) => ({ id })) });
  assert.equal(errors.length, 1);
  assert.deepEqual(errors[0].path, ["order"]);
  assert.equal(errors[0].extensions.code, "invalid_parameter");
});

await prove("6. without order.graphql.federation there are no fields for a gateway", async () => {
  for (const field of ["_service { sdl }", "_entities(representations: []) { __typename }"]) {
    const { status, data: none, errors } = await ask(withoutFederation, `{ ${field} }`);
    assert.deepEqual([status, none, errors.length, errors[0].extensions.code], [400, undefined, 1, "invalid_document"]);
    assert.match(errors[0].message, /^Unknown field/);
  }
});

await prove("6. what is too expensive is refused through the gateway, and the fields of the other subgraph stay", async () => {
  const dear = "orders(first: 100) { edges { node { history { leftOut } } } }";
  const { data: answered, errors } = await ask(gateway, `{ customers { id ${dear} } }`);
  assert.deepEqual(answered, { customers: customers.map(({ id }) => ({ id, orders: null })) });
  const told = new Set(errors.map(({ extensions: { code, limit, most } }) => `${code} ${limit} ${most}`));
  assert.deepEqual([...told], ["query_too_expensive max-cost 2000"]);
});

const customer = bearer("orders:read", 42);
await prove("7. a customer's token passes the gateway: own orders are there, foreign ones are null or missing", async () => {
  const joined = await data(gateway, `{ own: order(id: ${ofOne}) { id } foreign: order(id: ${ofOther}) { id }
    customers { id orders { edges { node { id } } } } }`, { token: customer });
  const own = placed[42].toReversed().map((id) => ({ node: { id } }));
  const lists = customers.map(({ id }) => ({ id, orders: { edges: id === "42" ? own : [] } }));
  assert.deepEqual(joined, { own: { id: ofOne }, foreign: null, customers: lists });
  assert.deepEqual(await marked(customer), [{ id: ofOne, totalAmount: "54.99" }, null, null]);
});

await prove("7. what a token does not allow is forbidden through the gateway, and without a token there is nothing", async () => {
  const forbidden = await ask(gateway, place, { token: customer, variables: { input } });
  assert.deepEqual([forbidden.data.placeOrder, forbidden.errors[0].extensions.code], [null, "forbidden"]);
  const nobody = await ask(gateway, `{ order(id: ${ofOne}) { id } customers { id } }`, { token: null });
  assert.deepEqual(nobody.data, { order: null, customers: customers.map(({ id }) => ({ id })) });
  assert.deepEqual(nobody.errors.map(({ path }) => path), [["order"]]);
});

await prove("8. events arrive by a subscription through the gateway, and the stream of the service ends with it", async () => {
  const client = createClient({ url: `${gateway}/graphql`, headers: { authorization: customer }, retryAttempts: 0 });
  const stream = client.iterate({ query: "subscription { orderEvents(after: 0) { event { type orderId } } }" });
  const signal = AbortSignal.timeout(30_000);
  const late = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const next = async () => {
    const { value } = await Promise.race([stream.next(), late]);
    assert.equal(value?.errors, undefined, JSON.stringify(value));
    return value.data.orderEvents.event;
  };
  for (const orderId of placed[42]) assert.deepEqual(await next(), { type: "CREATED", orderId });
  assert.equal(await metric("order_events_streams"), 1);
  const { id } = await (await rest("/orders", { customerId: 42, items: [{ productId: 7, quantity: 1, unitPrice: "1" }] })).json();
  assert.deepEqual(await next(), { type: "CREATED", orderId: String(id) });
  client.dispose();
  await until("the service has no stream", async () => (await metric("order_events_streams")) === 0, 30);
});

await prove("9. the gateway shows no field that is for gateways alone", async () => {
  const { __schema: shown } = await data(gateway, "{ __schema { queryType { fields { name } } types { name } } }");
  assert.deepEqual(shown.queryType.fields.map(({ name }) => name).sort(), ["customers", "order", "ordersOfCustomer"]);
  assert.deepEqual(shown.types.filter(({ name }) => /^_[^_]/.test(name)), []);
});

// The subgraph and the other programs end with this one.
process.exit(failed > 0 ? 1 : 0);
