// Which folder may include which: the dependency order of the project, in this one place.
// docs/architecture.md explains it.

/** Folder -> folders its files may include, besides itself. */
export const allowed = (() => {
  const below = {};
  const layer = (name, ...needs) => {
    below[name] = new Set(needs.flatMap((need) => [need, ...below[need]]));
  };
  layer('core/base');
  layer('core/tensor', 'core/base');
  layer('core/kernels', 'core/tensor');
  layer('core/graph', 'core/tensor');
  layer('core/onnx', 'core/graph');
  layer('core/ops', 'core/graph', 'core/kernels');
  layer('core/passes', 'core/ops');
  layer('core/runtime', 'core/passes');
  layer('core/measure', 'core/runtime');
  layer('core/linalg', 'core/tensor');
  layer('core/train', 'core/ops', 'core/runtime', 'core/linalg');
  // compress checks what it wrote by reading it again and measuring it.
  layer('core/compress', 'core/train', 'core/measure', 'core/onnx');
  layer('bindings', 'core/compress');
  return below;
})();

/** Techniques meet in a recipe, never in an include. */
export const compressGroups = [
  'rewrite',
  'quantize',
  'cluster',
  'prune',
  'factorize',
  'distill',
  'search',
];

/** @param {string} path  of a file in the repository */
export function layerOf(path) {
  const parts = path.split('/');
  return parts[0] === 'core' ? parts.slice(0, 2).join('/') : parts[0];
}

/** @param {string} path @returns {string | undefined} the group of a file under core/compress/ */
export function groupOf(path) {
  const [, , group] = path.split('/');
  return path.startsWith('core/compress/') && compressGroups.includes(group) ? group : undefined;
}

/**
 * @param {string} from    the including file
 * @param {string} target  the included file, from the repository's root
 * @returns {string | undefined} what is wrong with it
 */
export function violation(from, target) {
  const [a, b] = [layerOf(from), layerOf(target)];
  if (a !== b && !allowed[a]?.has(b)) return `${a} must not include ${b}`;
  const [groupA, groupB] = [groupOf(from), groupOf(target)];
  if (groupB && groupA !== groupB) return `${groupA ?? 'core/compress'} must not include ${groupB}`;
  return undefined;
}
