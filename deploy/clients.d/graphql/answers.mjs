// Answers as the language's specification has them, by the judgement of graphql-js. Of a document whose fields fail, each field is
// there: null, or missing with the nearest field around it that may be null. Variables are judged before anything is executed, and
// one that is not given leaves its argument to the default.
import { isDeepStrictEqual } from "node:util";
import { buildClientSchema, execute, getIntrospectionQuery, parse } from "graphql";

const [, , base] = process.argv;
async function ask(query, variables) {
  const answer = await fetch(`${base}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query, variables }),
  });
  return { status: answer.status, ...(await answer.json()) };
}

const wrong = [];
const check = (query, holds, answer) => holds || wrong.push(`${query}\n  is answered ${JSON.stringify(answer)}`);

const schema = buildClientSchema((await ask(getIntrospectionQuery())).data);
const body = JSON.stringify({ customerId: 42, items: [{ productId: 7, quantity: 1, unitPrice: "1.00" }] });
const { id } = await (await fetch(`${base}/orders`, { method: "POST", headers: { "content-type": "application/json" }, body })).json();

const failing = [
  '{ order(id: "x") { id } }',
  `{ a: order(id: ${id}) { id } b: order(id: "x") { id } }`,
  "{ ordersOfCustomer(customerId: 42, first: 0) { leftOut } }",
  "{ __typename ordersOfCustomer(customerId: 42, first: 0) { leftOut } }",
  `{ order(id: ${id}) { id history(first: 0) { leftOut } } }`,
  `{ order(id: ${id}) { id customer { id orders(first: 0) { leftOut } } } }`,
  `{ ordersOfCustomer(customerId: 42, first: 1) { edges { cursor node { id history(first: 0) { leftOut } } } } }`,
];
for (const query of failing) {
  const { status, data, errors } = await ask(query);
  const fieldResolver = (source, _arguments, _context, info) => source[info.path.key];
  const judged = await execute({ schema, document: parse(query), rootValue: data ?? {}, fieldResolver });
  const expected = JSON.parse(JSON.stringify(judged.data));
  check(query, status === 200 && errors.length === 1 && isDeepStrictEqual(data, expected), { data, errors });
}

const page = "ordersOfCustomer(customerId: 42, first: $first) { leftOut }";
const defaulted = await ask(`query ($first: Int) { ${page} }`, {});
check("a variable that is not given, where the argument has a default", defaulted.data?.ordersOfCustomer.leftOut === 0, defaulted);
const badVariables = [
  ["query ($id: ID!) { order(id: $id) { id } }", {}],
  ["query ($id: ID!) { order(id: $id) { id } }", { id: null }],
  ["query ($id: ID!) { order(id: $id) { id } }", { id: [1, 2] }],
  [`query ($first: Int!) { ${page} }`, { first: "x" }],
  ["query ($from: DateTime) { ordersOfCustomer(customerId: 42, createdFrom: $from) { leftOut } }", { from: "x" }],
];
for (const [query, variables] of badVariables) {
  const answer = await ask(query, variables);
  check(`${query} with ${JSON.stringify(variables)}`, answer.status === 400 && answer.data === undefined, answer);
}
if (wrong.length > 0) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
console.log(`answers: ${failing.length + badVariables.length + 1} as specified`);
