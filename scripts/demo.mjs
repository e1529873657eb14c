// npm run demo: sets up, builds what it runs, then compresses and measures the built-in model.
import { join } from 'node:path';
import {
  digitsStage,
  libraryStage,
  nodeModuleStage,
  packagesStage,
  runForeground,
  toolchainStage,
} from './parts.mjs';
import { root, runStages } from './stages.mjs';

const { failed } = await runStages('npm run demo', [
  toolchainStage('build'),
  packagesStage(),
  nodeModuleStage(),
  libraryStage(),
  digitsStage(),
]);
if (failed > 0) {
  process.exit(1);
}
console.log();
await runForeground('node', [join(root, 'demos/digits/demo.mjs'), ...process.argv.slice(2)]);
