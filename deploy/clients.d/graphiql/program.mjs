// The page GraphiQL of the service as people use it, in a browser without network: documents, variables and headers are typed key
// by key and run, and the answers are read from the page. No request goes to another origin, and nothing fails unseen.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { becomes, openPage, startBrowser } from "./browser.mjs";

const [, , binary] = process.argv;
assert.deepEqual(Object.keys(networkInterfaces()), ["lo"], "services and browser run where there is no other network than loopback");
// The first process of a namespace is not ended by signals that it does not handle.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** Starts a service with GraphQL, and returns its address. It ends with this process, which is the first of its process namespace. */
async function serve(port, root, ...options) {
  const log = `service-${port}.log`;
  const output = openSync(log, "w");
  const own = [`--server.port=${port}`, `--spring.datasource.url=sqlite://orders-${port}.db`, "--order.graphql.enabled=true"];
  spawn(binary, [...own, ...options], { stdio: ["ignore", output, output] });
  const base = `http://127.0.0.1:${port}${root}`;
  const isReady = () => fetch(`${base}/actuator/health/readiness`).then((answer) => answer.ok, () => false);
  await becomes(true, isReady, "a service is ready").catch((failure) => {
    throw new Error(`${failure.message}; the end of its log: ${readFileSync(log, "utf8").slice(-2000)}`);
  });
  return base;
}

async function send(method, address, body) {
  const answer = await fetch(address, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${address} is answered with ${answer.status}`);
  return answer.json();
}

async function place(base) {
  const { id } = await send("POST", `${base}/orders`, { customerId: 42, items: [{ productId: 7, quantity: 3, unitPrice: "49.99" }] });
  return String(id);
}
const changeStatus = (base, id, status) => send("PUT", `${base}/orders/${id}/status`, { status });

/** Variables and headers have one section, and the editor of the other one is hidden there. */
const editor = (section) => `[aria-label="${section}"] .CodeMirror:not(.hidden *)`;

/** What people do with GraphiQL, and what they see of it. */
class Graphiql {
  static async open(browser, address) {
    const graphiql = Object.assign(new Graphiql(), await openPage(browser, address));
    await graphiql.page.waitForSelector(editor("Query Editor"));
    return graphiql;
  }

  texts(selector) {
    return this.page.$$eval(selector, (all) => all.map(({ textContent }) => textContent));
  }

  /** The lines of an editor, or of the result, where some spaces may not be broken, and an empty line has one of no width. */
  async text(section) {
    const lines = await this.texts(`${editor(section)} .CodeMirror-code .CodeMirror-line`);
    return lines.join("\n").replaceAll("\u00a0", " ").replaceAll("\u200b", "");
  }

  press(label) {
    return this.page.click(`button[aria-label="${label}"]`);
  }

  async pressWithControl(key) {
    await this.page.keyboard.down("Control");
    await this.page.keyboard.press(key);
    await this.page.keyboard.up("Control");
  }

  enter(section) {
    return this.page.click(editor(section));
  }

  /** Types in the place of what is there. The editor closes brackets and quotes early, and is typed over where it has. */
  async write(section, text) {
    await this.enter(section);
    await this.pressWithControl("KeyA");
    await this.page.keyboard.press("Backspace");
    await this.page.keyboard.type(text);
    await becomes(text, () => this.text(section), `what was typed stands in ${section}`);
  }

  run() {
    return this.press("Execute query (Ctrl-Enter)");
  }

  /** Waits until the result is this, or this `part` of it. */
  shows(expected, part = (answer) => answer) {
    const shown = async () => {
      const text = await this.text("Result Window");
      try {
        return part(JSON.parse(text));
      } catch {
        return text;
      }
    };
    return becomes(expected, shown, "the answer is on the page");
  }

  /** Waits until the editor marks this, and tells the reason under the mouse. */
  async marks(marked, reason) {
    const mark = `${editor("Query Editor")} .CodeMirror-lint-mark-error`;
    await becomes(marked, async () => (await this.texts(mark)).join("").trim(), "the error is marked");
    await this.page.hover(mark);
    await becomes([reason], () => this.texts(".CodeMirror-lint-tooltip"), "the reason is told");
    await this.page.mouse.move(0, 0);
  }
}

const fieldsOfQuery = ["order", "ordersOfCustomer"];
async function readDocumentation(graphiql) {
  const { page } = graphiql;
  await graphiql.press("Show Documentation Explorer");
  await (await page.waitForSelector('::-p-xpath(//a[text()="Query"])')).click();
  await becomes(fieldsOfQuery, () => graphiql.texts(".graphiql-doc-explorer-field-name"), "the fields of queries are documented");
  await graphiql.press("Hide Documentation Explorer");
}

const refused = "console: Failed to load resource: the server responded with a status of 400 (Bad Request)";
const typedToken = "Bearer typed-in-the-page";

/** By name, what is done one after another in one page. Each returns the faults that it is meant to have. */
const cases = {
  async "the page opens with the documentation of the schema"(graphiql) {
    assert.equal(await graphiql.page.title(), "GraphiQL");
    await readDocumentation(graphiql);
  },

  async "a query runs by the button and by keys"(graphiql, base) {
    const id = await place(base);
    await graphiql.write("Query Editor", `{ order(id: ${id}) { id status totalAmount items { productId quantity lineTotal } } }`);
    await graphiql.run();
    const items = [{ productId: "7", quantity: 3, lineTotal: "149.97" }];
    await graphiql.shows({ data: { order: { id, status: "PENDING", totalAmount: "149.97", items } } });
    await changeStatus(base, id, "CONFIRMED");
    await graphiql.enter("Query Editor");
    await graphiql.pressWithControl("Enter");
    await graphiql.shows({ data: { order: { id, status: "CONFIRMED", totalAmount: "149.97", items } } });
  },

  async "a mutation takes its variables from their pane, and is refused by userErrors"(graphiql, base) {
    await graphiql.write(
      "Query Editor",
      "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id totalAmount } userErrors { code field } } }",
    );
    const variables = (quantity) => JSON.stringify({ input: { customerId: "42", items: [{ productId: "7", quantity, unitPrice: "5.00" }] } });
    await graphiql.write("Variables", variables(2));
    await graphiql.run();
    let placed;
    await graphiql.shows({ totalAmount: "10.00", userErrors: [] }, ({ data: { placeOrder: { order, userErrors } } }) => {
      placed = order.id;
      return { totalAmount: order.totalAmount, userErrors };
    });
    const { totalAmount } = await send("GET", `${base}/orders/${placed}`);
    assert.equal(totalAmount, "10.00");
    await graphiql.write("Variables", variables(0));
    await graphiql.run();
    const userErrors = [{ code: "VALIDATION_FAILED", field: ["input", "items", "0", "quantity"] }];
    await graphiql.shows({ data: { placeOrder: { order: null, userErrors } } });
    await graphiql.write("Variables", "{}");
  },

  async "a subscription shows events as they come, and its stream ends when it is stopped"(graphiql, base) {
    const openStreams = async () => {
      const metrics = await (await fetch(`${base}/actuator/prometheus`)).text();
      return Number(metrics.match(/^order_events_streams (\d+)$/m)[1]);
    };
    const id = await place(base);
    await graphiql.write("Query Editor", `subscription { orderEvents(after: 0, orderId: ${id}) { event { type orderId } } }`);
    await graphiql.run();
    const shows = (type) => graphiql.shows({ data: { orderEvents: { event: { type, orderId: id } } } });
    await shows("CREATED");
    await changeStatus(base, id, "CONFIRMED");
    await shows("CONFIRMED");
    assert.equal(await openStreams(), 1);
    await graphiql.press("Stop query (Ctrl-Enter)");
    await becomes(0, openStreams, "the stream has ended");
  },

  async "what does not parse, or does not fit the schema, is marked"(graphiql) {
    await graphiql.write("Query Editor", "{ order(id: ) { id } }");
    // The last word of the line is marked, whatever is wrong in it.
    await graphiql.marks("}", 'Syntax Error: Unexpected ")".');
    await graphiql.write("Query Editor", "{ order(id: 1) { colour } }");
    await graphiql.marks("colour", 'Cannot query field "colour" on type "Order".');
  },

  async "a document that is too deep is answered with the error"(graphiql) {
    const below = "{ customer { orders(first: 1) { edges { node ";
    await graphiql.write("Query Editor", `{ order(id: 1) ${below.repeat(3)}{ id }${" } } } }".repeat(3)} }`);
    await graphiql.run();
    await graphiql.shows({ code: "query_too_expensive", limit: "max-depth", most: 12 }, ({ errors: [{ extensions }] }) => extensions);
    return [refused];
  },

  async "a typed header is sent to the service, and not kept"(graphiql, base) {
    const { page, requests } = graphiql;
    await page.click('::-p-xpath(//button[text()="Headers"])');
    await graphiql.write("Headers", JSON.stringify({ Authorization: typedToken }));
    await graphiql.write("Query Editor", "{ __typename }");
    await graphiql.run();
    await graphiql.shows({ data: { __typename: "Query" } });
    const withToken = requests.filter((request) => JSON.stringify(request.headers()).includes(typedToken));
    assert.deepEqual(withToken.map((request) => request.url()), [`${base}/graphql`]);
    const kept = () => page.evaluate(() => ({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
    const isSaved = async () => (await kept())["graphiql:tabState"].includes("__typename");
    await becomes(true, isSaved, "the page has kept what was run");
    const leaks = Object.entries(await kept()).filter(([, text]) => text.includes(typedToken));
    assert.deepEqual(leaks, []);
  },
};

/** Does something with a page, whose faults are then those that this is meant to have. */
async function examine(what, { page, faults }, act) {
  try {
    const meant = (await act()) ?? [];
    await becomes(meant, () => [...faults], "there are no other faults", 5);
    faults.length = 0;
  } catch (failure) {
    const text = await page.$eval("body", (body) => body.innerText);
    console.error(`failed: ${what}; the faults of the page: ${JSON.stringify(faults)}; its text:\n${text}`);
    throw failure;
  }
}

/** A page with each fault that is recorded, so that it is known to be. */
async function showFaults(browser) {
  const parts = {
    "/": [
      "text/html",
      '<link rel="icon" href="data:,"><img src="http://example.invalid/image"><script>inline()</script><script src="/script"></script>',
    ],
    "/script": [
      "text/javascript",
      `new WebSocket("ws://example.invalid/socket"); new Worker("/worker"); open("/popup"); console.warn("a warning"); throw new Error("an error")`,
    ],
  };
  const server = createServer(({ url }, response) => {
    const [type, text] = parts[url] ?? ["text/javascript", ""];
    response.writeHead(200, { "content-type": type, "content-security-policy": "default-src 'self'; img-src * data:; connect-src *" }).end(text);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { faults } = await openPage(browser, `http://127.0.0.1:${server.address().port}/`);
  const meant = [
    "request to another origin: http://example.invalid/image",
    "request to another origin: ws://example.invalid/socket",
    "net::ERR_INTERNET_DISCONNECTED",
    "Content Security Policy",
    "worker: ",
    "another page: ",
    "console: a warning",
    "not caught: Error: an error",
  ];
  await becomes([], () => meant.filter((part) => !faults.some((fault) => fault.includes(part))), "each fault is recorded");
  server.close();
}

const graphiqlOn = "--spring.graphql.graphiql.enabled=true";
const [base, below, without, browser] = await Promise.all([
  serve(8001, "", graphiqlOn),
  serve(8002, "/shop", graphiqlOn, "--server.servlet.context-path=/shop", "--spring.graphql.graphiql.path=/try", "--spring.graphql.http.path=/ask"),
  serve(8003, ""),
  startBrowser(),
]);
await showFaults(browser);

const graphiql = await Graphiql.open(browser, `${base}/graphiql`);
for (const [name, act] of Object.entries(cases)) await examine(name, graphiql, () => act(graphiql, base));

const elsewhere = await Graphiql.open(browser, `${below}/try`);
await examine("the page works at other paths", elsewhere, async () => {
  assert.equal(elsewhere.page.url(), `${below}/try/`);
  await readDocumentation(elsewhere);
  const id = await place(below);
  await elsewhere.write("Query Editor", `{ order(id: ${id}) { id } }`);
  await elsewhere.run();
  await elsewhere.shows({ data: { order: { id } } });
});

for (const path of ["/graphiql", "/graphiql/", "/graphiql/page.js"]) assert.equal((await fetch(without + path)).status, 404, path);
await browser.close();
const count = graphiql.requests.length + elsewhere.requests.length;
console.log(`graphiql: ${Object.keys(cases).length + 1} cases in the browser, ${count} requests of the page, none to another origin`);
process.exit();
