// Programs of the cases. Each has a log of its own, is waited for until it is ready, and ends with the cases.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { until } from "../graphql/service.mjs";

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

export async function start(log, readiness, command, ...options) {
  const output = openSync(log, "w");
  const started = spawn(command, options, { stdio: ["ignore", output, output] });
  process.once("exit", () => started.kill("SIGKILL"));
  await once(started, "spawn");
  await until(`${readiness} is ready`, async () => {
    if (started.exitCode !== null) throw new Error(`it has ended with ${started.exitCode}; its log is ${log}`);
    return fetch(readiness).then((answer) => answer.ok, () => false);
  });
}
