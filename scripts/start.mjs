// npm start: builds the modules and serves the page.
import {
  cmakeStage,
  digitsStage,
  libraryStage,
  packagesStage,
  runForeground,
  toolchainStage,
} from './parts.mjs';
import { runStages } from './stages.mjs';

const { failed } = await runStages('npm start', [
  toolchainStage('build'),
  packagesStage(),
  cmakeStage('wasm', 'the wasm modules (about 8 minutes the first time)', [{ preset: 'wasm' }]),
  libraryStage(),
  digitsStage(),
]);
if (failed > 0) {
  process.exit(1);
}
console.log();
// vite.config in demos/studio sets the headers that shared memory needs.
await runForeground('npx', ['vite', 'demos/studio', ...process.argv.slice(2)]);
