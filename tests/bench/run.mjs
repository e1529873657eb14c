// npm run bench -- <task> [options]: one folder a task, each with a task.mjs.
import { existsSync, readdirSync } from 'node:fs';

const folder = new URL('./', import.meta.url);
const tasks = readdirSync(folder).filter((name) => existsSync(new URL(`${name}/task.mjs`, folder)));

const [name, ...options] = process.argv.slice(2);
if (!tasks.includes(name)) {
  console.error(`Expected one of ${tasks.join(', ')} for the task but received ${name ?? 'none'}`);
  process.exit(2);
}
const { run } = await import(new URL(`${name}/task.mjs`, folder));
await run(options);
