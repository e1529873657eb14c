// Usage: node run.mjs <probe.mjs>. Prints one line and exits 0 if the probe computes 7.
import { pathToFileURL } from 'node:url';

const { default: create } = await import(pathToFileURL(process.argv[2]).href);
const probe = await create();
probe.start();
const deadline = Date.now() + 10_000;
while (probe.result() === 0 && Date.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const ok = probe.result() === 7;
console.log(ok ? `works in Node ${process.version}` : `Expected 7 but received ${probe.result()}`);
process.exit(ok ? 0 : 1);
