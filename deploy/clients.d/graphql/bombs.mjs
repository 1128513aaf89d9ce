// Documents that are short to write and long to execute, against the service with the limits that it has by default: each is
// refused by the limit that it is made for, other requests are answered meanwhile, and the process keeps its size.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const [, , base, pid] = process.argv;
const ROUNDS = 5;
const MOST_GROWTH = 8 << 20;
const times = (count, part) => Array.from({ length: count }, (_, index) => part(index)).join(" ");
const nested = (names, inner) => names.reduceRight((below, name) => `{ ${name} ${below} }`, inner);
const around = (count, ...names) => Array.from({ length: count }, () => names).flat();
const chain = (count, spread) =>
  `{ ...F0 } ${times(count, (index) => `fragment F${index} on Query { ${spread(`...F${index + 1}`)} }`)} fragment F${count} on Query { __typename }`;
const below = ["customer", "orders(first: 1)", "edges", "node"];
const histories = (first, head = "") => `${head} { ordersOfCustomer(customerId: 42, first: ${first}) { edges { node { history { edges { node { id } } } } } } }`;

/** By limit, requests that are beyond it. */
const bombs = {
  "max-fields": [{ query: chain(31, (spread) => `${spread} ${spread}`) }],
  "max-fragments": [{ query: chain(100, (spread) => spread) }],
  "max-aliases": [
    { query: `{ ${times(200, (index) => `a${index}: order(id: 1) { id }`)} }` },
    { query: `{ order(id: 1) { ${times(200, (index) => `a${index}: totalAmount`)} } }` },
  ],
  "max-root-fields": [{ query: `mutation { ${times(20, (index) => `a${index}: changeOrderStatus(input: {id: 1, status: CANCELLED}) { replayed }`)} }` }],
  "max-depth": [{ query: nested(["order(id: 1)", ...around(3, ...below)], "{ id }") }],
  "max-nesting": [
    { query: nested(["order(id: 1)", ...around(30, ...below)], "{ id }") },
    { query: `{ order(id: ${"[".repeat(60 << 10)}` },
    { query: `{ order(id: ${"[".repeat(30_000)}${"]".repeat(30_000)}) { id } }` },
    { query: "{a".repeat(30 << 10) },
  ],
  "max-words": [{ query: `{ ${times(3_999, () => "__typename")} }` }],
  "max-document-size": [{ query: `{ __typename } # ${"x".repeat(64 << 10)}` }],
  "max-directives": [{ query: `{ __typename ${times(60, () => "@include(if: true)")} }` }],
  "max-cost": [
    { query: histories(100) },
    { query: histories("$n", "query ($n: Int!)"), variables: { n: 100 } },
    { query: histories("$n", "query ($n: Int! = 100)") },
    { query: nested(["ordersOfCustomer(customerId: 42, first: 100)", "edges", "node", "customer", "orders(first: 100)", "edges", "node"], "{ id }") },
  ],
  introspection: [
    { query: nested(["__schema", "types", ...around(8, "fields", "type")], "{ name }") },
    { query: nested(["__schema", "types", ...around(4, "fields", "type")], "{ name }") },
  ],
};
/** Bodies that are wrong anyway, and that no walk may follow to its end before this is seen. */
const wrong = ["[".repeat(60 << 10), JSON.stringify({ query: "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }" })];

const within = (seconds) => AbortSignal.timeout(seconds * 1000);
const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
const send = (body) => fetch(`${base}/graphql`, { method: "POST", headers, body, signal: within(20) });

async function refuse(limit, body) {
  const answer = await send(body);
  const { errors, data } = await answer.json();
  const { code, limit: found } = errors?.[0].extensions ?? {};
  const isRefused = answer.status === 400 && data === undefined && errors.length > 0;
  if (isRefused && (limit === undefined || (code === "query_too_expensive" && found === limit))) return [];
  return [`${body.slice(0, 80)}: ${answer.status} ${JSON.stringify(errors ?? data).slice(0, 200)}, not refused by ${limit}`];
}

async function read(id) {
  const answer = await fetch(`${base}/orders/${id}`, { signal: within(20) });
  return answer.status === 200 && (await answer.json()).id === id ? [] : [`an order is answered with ${answer.status}`];
}

/** Sends all of them at once, and an ordinary request beside each; returns what is not as it should be. */
async function attack(id) {
  const all = Object.entries(bombs).flatMap(([limit, requests]) => requests.map((request) => [limit, JSON.stringify(request)]));
  all.push(...wrong.map((body) => [undefined, body]));
  return (await Promise.all(all.flatMap((bomb) => [refuse(...bomb), read(id)]))).flat();
}

async function resident() {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)[1]) << 10;
}

const body = JSON.stringify({ customerId: 42, items: [{ productId: 7, quantity: 1, unitPrice: "1.00" }] });
const { id } = await (await fetch(`${base}/orders`, { method: "POST", headers, body })).json();
assert.equal((await send(JSON.stringify({ query: histories(20) }))).status, 200, "a page of 20 with histories is no bomb");

// The first round fills pools and buffers, as ordinary requests of these sizes would.
assert.deepEqual(await attack(id), []);
const before = await resident();
for (let round = 0; round < ROUNDS; round++) assert.deepEqual(await attack(id), []);
const grown = (await resident()) - before;
assert.ok(grown <= MOST_GROWTH, `${ROUNDS} rounds have left ${grown >> 10} KiB behind`);
console.log(`bombs: ${Object.values(bombs).flat().length + wrong.length} refused, ${ROUNDS + 1} times each; ${ROUNDS} rounds have left ${grown >> 10} KiB behind`);
