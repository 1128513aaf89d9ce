// The subgraph of another team: who customers are, and which orders they have marked. It knows no more of an order than its id.
import { once } from "node:events";
import { createServer } from "node:http";
import { buildSchema, graphql } from "graphql";

/** What the subgraph says of itself; `Customer.id` has the type that is named. */
export const customersSdl = (typeOfId = "ID") => `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
  type Query { customers: [Customer!]! }
  type Customer @key(fields: "id") { id: ${typeOfId}! name: String email: String marked: [Order]! }
  type Order @key(fields: "id", resolvable: false) { id: ID! }
`;

// What the specification of subgraphs adds to that.
const schema = buildSchema(
  `${customersSdl()}
  directive @link(url: String!, import: [String!]) on SCHEMA
  directive @key(fields: String!, resolvable: Boolean) on OBJECT
  scalar _Any
  union _Entity = Customer
  type _Service { sdl: String! }
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! _service: _Service! }`,
  { assumeValidSDL: true },
);

/** Serves customers, and keeps the documents that it is asked. */
export async function serveCustomers(port, customers, asked) {
  const byKey = ({ id }) => customers.find((customer) => customer.id === id) ?? null;
  const rootValue = {
    customers,
    _entities: ({ representations }) => representations.map(byKey),
    _service: { sdl: customersSdl() },
  };
  const typeResolver = () => "Customer";
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const { query: source, variables: variableValues } = JSON.parse(body);
    asked.push(source);
    const answer = await graphql({ schema, source, rootValue, variableValues, typeResolver });
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
}
