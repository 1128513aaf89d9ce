// What the service says of its schema: the whole introspection query of graphql-js is answered, a client's schema is built from
// the answer, the schema is valid, and it is the one that is served as text.
import assert from "node:assert/strict";
import {
  buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema,
} from "graphql";

const [, , base] = process.argv;
const query = getIntrospectionQuery({
  descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true,
});
const response = await fetch(`${base}/graphql`, {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
  body: JSON.stringify({ query }),
});
const answer = await response.json();
assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
assert.equal(response.status, 200);
const asked = buildClientSchema(answer.data);
assert.deepEqual(validateSchema(asked), []);

const served = await fetch(`${base}/graphql/schema`);
assert.equal(served.status, 200);
const text = await served.text();
const read = buildSchema(text);
assert.deepEqual(validateSchema(read), []);
// What introspection says of the schema as a whole is the library's own text; the types are the service's.
asked.description = undefined;
const lines = (schema) => printSchema(lexicographicSortSchema(schema)).split("\n");
const [left, right] = [lines(read), lines(asked)];
const at = left.findIndex((line, index) => line !== right[index]);
const here = (all) => all.slice(Math.max(0, at - 3), at + 3).join("\n");
assert.ok(at < 0 && left.length === right.length, `as text the schema says\n${here(left)}\nand by introspection\n${here(right)}`);
console.log(`schema: ${left.length} lines, the same by introspection and as text`);
