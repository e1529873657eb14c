// npm test [-- stage ...]: sets up and runs every test, or only the stages named.
import {
  allModulesStage,
  digitsStage,
  libraryStage,
  packagesStage,
  toolchainStage,
} from './parts.mjs';
import { lint } from './lint.mjs';
import { runStages } from './stages.mjs';
import { conformance, fuzz, googleTests, nodeTests, wasmTests } from './runners.mjs';

// What runs whole models. Each relaxed kernel has unit tests of its own, among those of the tiers.
const relaxedMatters = /(digits|library|models|values)\.test\./;

/** @type {import('./stages.mjs').Stage[]} */
const stages = [
  toolchainStage('test'),
  packagesStage(),
  { name: 'lint', does: 'formatting and ESLint (20 seconds)', essential: false, run: () => lint() },
  {
    name: 'checks',
    does: 'include directions and other rules (2 seconds)',
    essential: false,
    run: () => nodeTests('checks'),
  },
  {
    name: 'native',
    does: 'unit tests under ASan and UBSan (about 6 minutes the first time)',
    essential: false,
    run: googleTests,
  },
  allModulesStage(),
  libraryStage(),
  digitsStage(),
  {
    name: 'tiers',
    does: 'kernel and runtime tests of each wasm tier (about 3 minutes the first time)',
    essential: false,
    run: wasmTests,
  },
  {
    name: 'library',
    does: 'the library in this Node',
    essential: false,
    lane: 'node',
    run: () => nodeTests('web'),
  },
  {
    name: 'relaxed',
    does: 'the library in a Node with relaxed SIMD',
    essential: false,
    lane: 'relaxed',
    run: () => nodeTests('web', { relaxed: true, only: relaxedMatters }),
  },
  {
    name: 'fuzz',
    does: 'hostile bytes for the reader (1 minute)',
    essential: false,
    lane: 'others',
    run: fuzz,
  },
  {
    name: 'conformance',
    does: "ONNX's own test cases",
    essential: false,
    lane: 'others',
    run: conformance,
  },
  {
    name: 'e2e',
    does: 'the page in Chromium',
    essential: false,
    lane: 'others',
    run: () => nodeTests('e2e'),
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !stages.some((stage) => stage.name === name));
if (unknown.length > 0) {
  console.error(`Expected stages of ${stages.map((s) => s.name)} but received ${unknown}`);
  process.exit(2);
}
const chosen = wanted.length > 0 ? stages.filter((stage) => wanted.includes(stage.name)) : stages;
const { passed, failed } = await runStages('npm test', chosen);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
