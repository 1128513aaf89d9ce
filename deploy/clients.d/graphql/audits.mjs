// The audits of graphql-http against the service. Every one passes: what a server MUST do over HTTP, what it SHOULD, and what
// it MAY.
import { serverAudits } from "graphql-http";

const [, , base] = process.argv;
const passed = { MUST: 0, SHOULD: 0, MAY: 0 };
const failed = [];
for (const { id, name, fn } of serverAudits({ url: `${base}/graphql` })) {
  const { status, reason, response } = await fn();
  if (status === "ok") passed[name.split(" ")[0]]++;
  else failed.push(`${id} ${name}: ${reason}; the answer is ${response.status} ${response.bodyUsed ? "" : await response.text()}`);
}
if (failed.length > 0) {
  console.error(failed.join("\n"));
  process.exit(1);
}
console.log(`audits passed: ${passed.MUST} MUST, ${passed.SHOULD} SHOULD, ${passed.MAY} MAY`);
