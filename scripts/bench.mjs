// npm run bench -- <task> ...: builds the modules, then runs tests/bench.
import {
  allModulesStage,
  libraryStage,
  packagesStage,
  runForeground,
  toolchainStage,
} from './parts.mjs';
import { runStages } from './stages.mjs';

const { failed } = await runStages('npm run bench', [
  toolchainStage('test'),
  packagesStage(),
  allModulesStage(),
  libraryStage(),
]);
if (failed > 0) {
  process.exit(1);
}
console.log();
await runForeground('node', ['--import', 'tsx', 'tests/bench/run.mjs', ...process.argv.slice(2)]);
