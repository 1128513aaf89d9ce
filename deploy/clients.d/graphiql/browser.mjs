// A headless browser, and a record of what its pages do: every request, and as faults what no page of the service may do.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import puppeteer from "puppeteer-core";

export async function startBrowser() {
  // Chromium's sandbox does not start as root.
  const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
  return puppeteer.launch({ executablePath: "/usr/bin/chromium", pipe: true, args, defaultViewport: { width: 1400, height: 900 } });
}

/**
 * Opens an address in a page with storage of its own. `requests` and `faults` grow as long as the page is open. A fault is a request
 * to another origin, an error or a warning in the console (violations of the content security policy and answers from 400 on are
 * errors there), an exception that nothing has caught, and what makes requests that are not recorded: a worker, another page.
 */
export async function openPage(browser, address) {
  const { origin } = new URL(address);
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const requests = [];
  const faults = [];
  // A `blob:` has the origin of the page that has made it.
  const judge = (url) => {
    const asked = new URL(url.replace(/^ws/, "http"));
    if (asked.protocol !== "data:" && asked.origin !== origin) faults.push(`request to another origin: ${url}`);
  };
  page.on("request", (request) => {
    requests.push(request);
    judge(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`not caught: ${error}`));
  page.on("workercreated", (worker) => faults.push(`worker: ${worker.url()}`));
  context.on("targetcreated", (target) => faults.push(`another ${target.type()}: ${target.url()}`));
  const session = await page.createCDPSession();
  for (const kind of ["webSocket", "webTransport"]) session.on(`Network.${kind}Created`, ({ url }) => judge(url));
  await session.send("Network.enable");
  await page.goto(address);
  return { page, requests, faults };
}

/** Looks again and again until it sees what is expected. */
export async function becomes(expected, look, what, seconds = 15) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (isDeepStrictEqual(seen, expected)) return;
    if (Date.now() > deadline) assert.deepEqual(seen, expected, `in vain waited ${seconds} s for this: ${what}`);
    await pause(50);
  }
}
