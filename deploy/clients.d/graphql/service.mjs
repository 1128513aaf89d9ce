// A service of a test's own, which the test kills and starts again. It ends with the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** Waits until a condition holds, asking often; fails when it does not come to hold. */
export async function until(what, holds, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`in vain waited ${seconds} s for this: ${what}`);
    await pause(50);
  }
}

export class Service {
  #process;
  #command;

  constructor(binary, port, folder) {
    this.base = `http://127.0.0.1:${port}`;
    this.log = `${folder}/stream.log`;
    this.#command = [binary, [`--server.port=${port}`, `--spring.datasource.url=sqlite://${folder}/stream.db`, "--order.graphql.enabled=true", "--spring.graphql.websocket.path=/graphql"]];
    process.once("exit", () => this.#process?.kill("SIGKILL"));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  }

  async start() {
    const log = openSync(this.log, "a");
    const started = (this.#process = spawn(...this.#command, { stdio: ["ignore", log, log] }));
    await until("the service is ready", async () => {
      if (started.exitCode !== null) throw new Error(`the service has ended with ${started.exitCode}; its log is ${this.log}`);
      return fetch(`${this.base}/actuator/health/readiness`).then((answer) => answer.ok, () => false);
    });
  }

  async end(signal) {
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
  }
}
