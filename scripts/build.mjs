// npm run build [-- wasm]: all modules and the library, or the modules alone.
import {
  allModulesStage,
  digitsStage,
  libraryStage,
  packagesStage,
  toolchainStage,
} from './parts.mjs';
import { runStages } from './stages.mjs';

const stages = [toolchainStage('build'), packagesStage(), allModulesStage()];
if (process.argv[2] !== 'wasm') {
  stages.push(libraryStage(), digitsStage());
}
const { failed } = await runStages('npm run build', stages);
process.exit(failed > 0 ? 1 : 0);
