// Subscribers of graphql-sse and graphql-ws lose nothing and get nothing twice while the service is killed, and stopped, in
// mid-stream.
//
// Orders are placed by REST, by GraphQL over HTTP and over WebSocket all the while. One subscriber is a loop; the others leave coming
// back to graphql-sse and graphql-ws, which send the variables as they are at that time. In the end all have what `GET /events` has
// from the beginning.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import WebSocket from "ws";
import { Service, until } from "./service.mjs";

const [, , binary, port, folder] = process.argv;
const service = new Service(binary, port, folder);
const query = "subscription ($after: Cursor) { orderEvents(after: $after) { cursor event { id type sequence orderId } } }";
const url = `${service.base}/graphql`;
/** From which cursors a subscriber has come back. */
const watched = (from) => async (address, init) => {
  from.push(JSON.parse(init.body).variables.after);
  return fetch(address, init);
};

/** Yields the events after a cursor, and comes back when the stream breaks. The cursor moves when the next event is asked for. */
async function* orderEvents(client, after) {
  for (;;) {
    let refused;
    try {
      for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
        if (errors) {
          [refused] = errors;
          break;
        }
        yield data.orderEvents;
        after = data.orderEvents.cursor;
      }
    } catch (broken) {
      if (stopped) return;
      if (broken.response?.status === 400) throw broken;
    }
    if (refused && !refused.extensions?.retryAfter) throw new Error(JSON.stringify(refused));
    await pause(100);
  }
}

let stopped = false;
const own = { events: [], from: [] };
const automatic = { events: [], from: [] };
const socket = { events: [], from: [] };
const broken = [];

/** The sockets of graphql-ws, which tell from which cursors it has come back. */
class Watched extends WebSocket {
  send(text, ...others) {
    const { type, payload } = JSON.parse(text);
    if (type === "subscribe" && payload.variables.after) socket.from.push(payload.variables.after);
    super.send(text, ...others);
  }
}
const overSocket = createSocketClient({
  url: `${url.replace("http", "ws")}`,
  webSocketImpl: Watched,
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => pause(100),
});

/** A subscriber that leaves coming back to its library. */
function subscribe(client, state) {
  const request = { query, variables: { after: "0" } };
  client.subscribe(request, {
    next({ data, errors }) {
      if (errors) return void broken.push(new Error(JSON.stringify(errors)));
      state.events.push(data.orderEvents);
      request.variables.after = data.orderEvents.cursor;
    },
    error: (failure) => stopped || broken.push(failure),
    complete: () => stopped || broken.push(new Error("the service says that no more events come")),
  });
}

function listen() {
  const loop = createClient({ url, retryAttempts: 0, fetchFn: watched(own.from) });
  (async () => {
    for await (const message of orderEvents(loop, "0")) own.events.push(message);
  })().catch((failure) => broken.push(failure));

  const client = createClient({ url, retryAttempts: Infinity, retry: () => pause(100), fetchFn: watched(automatic.from) });
  subscribe(client, automatic);
  subscribe(overSocket, socket);
  return () => {
    stopped = true;
    loop.dispose();
    client.dispose();
    overSocket.dispose();
  };
}

const order = { customerId: 42, items: [{ productId: 7, quantity: 1, unitPrice: "1.00" }] };
const mutation = "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id } userErrors { code } } }";
const post = (path, body) =>
  fetch(service.base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const byRest = () => post("/orders", order);
/** As an answer over HTTP. An operation that the library sends again when a connection breaks may have been executed before. */
const bySocket = () =>
  new Promise((resolve, reject) => {
    let answer;
    overSocket.subscribe(
      { query: mutation, variables: { input: order } },
      { next: (it) => (answer = it), error: reject, complete: () => resolve({ status: 200, json: async () => answer }) },
    );
  });
const byGraphql = () => post("/graphql", { query: mutation, variables: { input: order } });

/** Places orders, one after another, until it is told to stop. While the service is away, an answer may be lost. */
async function place(send, state) {
  while (!state.stopped) {
    try {
      const answer = await send();
      const { id, data, errors } = await answer.json();
      const isPlaced = id !== undefined || data?.placeOrder?.order;
      const mayTryAgain = answer.status === 503 || errors?.[0].extensions?.retryAfter;
      if (!isPlaced && !mayTryAgain) throw new Error(`${answer.status} ${JSON.stringify(data ?? errors)}`);
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure;
      await pause(50);
    }
  }
}

/** How many events there are by the orders themselves: each version of each order is one. */
async function eventsOfOrders() {
  let [count, cursor] = [0, ""];
  do {
    const page = await (await fetch(`${service.base}/orders/customer/42?limit=100${cursor && `&cursor=${cursor}`}`)).json();
    count += page.orders.reduce((sum, { version }) => sum + version, 0);
    cursor = page.nextCursor;
  } while (cursor);
  return count;
}

/** The first events of the journal, by REST. */
async function journal(count) {
  const events = [];
  const stream = await fetch(`${service.base}/events?lastEventId=0`, { signal: AbortSignal.timeout(30_000) });
  let text = "";
  for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
      if (field("data")) events.push(`${field("id")} ${JSON.parse(field("data")).id}`);
    }
    if (events.length >= count) return events;
  }
  throw new Error(`the stream has ended after ${events.length} events`);
}

await service.start();
const stopListening = listen();
const state = { stopped: false };
const placing = Promise.all([byRest, byGraphql, bySocket].map((send) => place(send, state)));
const count = (of) => of(...[own, automatic, socket].map(({ events }) => events.length));
const all = (more) => {
  if (broken.length > 0) throw broken[0];
  return count(Math.min) >= more;
};
let goal = 0;
for (const signal of ["SIGKILL", "SIGTERM"]) {
  goal = count(Math.max) + 20;
  await Promise.race([until("events come", () => all(goal)), placing]);
  await service.end(signal);
  await service.start();
}
goal = count(Math.max) + 20;
await Promise.race([until("events come again", () => all(goal)), placing]);
state.stopped = true;
await placing;

const expected = await journal(await eventsOfOrders());
await until("all events have come", () => all(expected.length));
stopListening();
for (const [name, { events, from }] of Object.entries({ own, automatic, socket })) {
  const got = events.map(({ cursor, event }) => `${cursor} ${event.id}`);
  const known = new Set(got);
  const missing = expected.filter((event) => !known.has(event));
  const twice = got.filter((event, index) => got.indexOf(event) !== index);
  assert.deepEqual({ missing, twice }, { missing: [], twice: [] }, `${name}: missing ${missing}; twice ${twice}`);
  assert.deepEqual(got, expected, `${name}: in another sequence`);
  assert.ok(new Set(from).size >= 3, `${name} has come back from ${from}`);
}
await service.end("SIGTERM");
console.log(`stream: ${expected.length} events each, nothing missing and nothing twice; came back from ${[own, automatic, socket].map(({ from }) => [...new Set(from)].slice(1)).join(" and ")}`);
