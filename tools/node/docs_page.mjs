// Uses the page at /docs as a person would: looks at it, authorises, lists jobs and submits one. It fails when the page
// does not do what it should, asks anybody but the api, or has an error in its console, such as a breach of its
// Content-Security-Policy.

import { createRequire } from "node:module";
import { join } from "node:path";
import { execFileSync } from "node:child_process";

const { CHROMIUM, MODULES, URL: url, API_KEY: key, SCREENSHOTS: folder } = process.env;
const { chromium } = createRequire(join(MODULES, "/"))("playwright-core");

const TIMEOUT_MS = 30_000;
const executablePath = execFileSync("which", [CHROMIUM], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
page.setDefaultTimeout(TIMEOUT_MS);

const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(`console: ${message.text()}`);
});
page.on("pageerror", (error) => complaints.push(`page: ${error.message}`));
await page.route("**/*", (route) => {
  const asked = route.request().url();
  if (asked.startsWith(`${url}/`) || asked.startsWith("data:")) return route.continue();
  complaints.push(`it asks ${asked}`);
  return route.abort();
});

/** Tries an operation out, and gives the status and the body that the page shows. */
async function tryOut(tag, id, body) {
  const operation = page.locator(`#operations-${tag}-${id}`);
  await operation.locator(".opblock-summary-control").click();
  const begin = operation.getByRole("button", { name: "Try it out" });
  const execute = operation.locator("button.execute");
  // An operation that was tried before shows that it can be sent, any other that it can be tried.
  await begin.or(execute).first().waitFor();
  if (await begin.isVisible()) await begin.click();
  if (body !== undefined) await operation.locator("textarea.body-param__text").fill(body);
  const [response] = await Promise.all([
    page.waitForResponse((it) => it.url().startsWith(`${url}/api/`)),
    execute.click(),
  ]);
  const answer = operation.locator(".live-responses-table");
  // What was answered before stays until then.
  const told = { hasText: String(response.status()) };
  await answer.locator("tr.response td.response-col_status", told).first().waitFor();
  await operation.locator(".responses-wrapper").scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(folder, `${id}.png`) });
  const status = (await answer.locator("tr.response td.response-col_status").first().innerText()).trim();
  const text = await answer.locator(".highlight-code code, .microlight").first().innerText();
  await operation.locator(".opblock-summary-control").click();
  return { status, text };
}

function expect(what, holds) {
  if (!holds) complaints.push(what);
}

try {
  const opened = await page.goto(`${url}/docs/`);
  const policy = opened.headers()["content-security-policy"] ?? "none";
  console.log(`docs page: Content-Security-Policy: ${policy}`);
  expect("it runs under no strict policy", policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self';"));
  await page.locator(".opblock").first().waitFor();
  const shown = await page.locator(".opblock").count();
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap(Object.keys).length;
  expect(`it shows ${shown} of ${operations} operations`, shown === operations);
  await page.screenshot({ path: join(folder, "loaded.png") });

  const refused = await tryOut("jobs", "list_jobs");
  expect(`without a key it shows ${refused.status}`, refused.status.startsWith("401"));

  await page.locator(".auth-wrapper .authorize").first().click();
  await page.locator(".modal-ux input[type=text]").fill(key);
  await page.locator(".modal-ux button.authorize").click();
  await page.screenshot({ path: join(folder, "authorized.png") });
  await page.locator(".modal-ux .btn-done").click();

  const body = JSON.stringify({ kind: "test.echo", payload: { from: "the page" } });
  const submitted = await tryOut("jobs", "submit_job", body);
  // The page fills in the example of `Prefer`, so it may wait for the job's end.
  expect(`a submit shows ${submitted.status} ${submitted.text}`, /^20[02]/.test(submitted.status));
  const listed = await tryOut("jobs", "list_jobs");
  expect(`a list shows ${listed.status}`, listed.status.startsWith("200"));
  const id = /"id":\s*"([^"]+)"/.exec(submitted.text)?.[1];
  expect(`the list lacks the job ${id}`, id !== undefined && listed.text.includes(id));
} catch (error) {
  complaints.push(error.message);
  await page.screenshot({ path: join(folder, "failed.png"), fullPage: true });
} finally {
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await browser.close();
}

// The first list was asked for without a key on purpose; browsers put every refusal into the console. And the style that
// the page's logo brings along is refused on purpose, by its hash: another inline style would be a defect.
const EXPECTED = [
  /^console: Failed to load resource: .* 401 /,
  /^console: Applying inline style .*sha256-RL3ie0nH\+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w=/,
];
const unexpected = complaints.filter((it) => !EXPECTED.some((expected) => expected.test(it)));
for (const complaint of unexpected) console.log(`docs page: ${complaint}`);
console.log(`docs page: ${unexpected.length === 0 ? "ok" : "FAILED"}`);
process.exitCode = unexpected.length === 0 ? 0 : 1;
