// npm run lint [-- --fix]: formatting of C++ and TypeScript, ESLint.
import { execFileSync } from 'node:child_process';
import { execute, root } from './stages.mjs';

/** @returns {Promise<{passed: number, failed: number}>} one count per tool */
export async function lint(fix = false) {
  const files = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: root })
    .toString()
    .split('\0');
  const cpp = files.filter((file) => /\.(cpp|h)$/.test(file));
  const tools = [
    ['clang-format', fix ? ['-i', ...cpp] : ['--dry-run', '-Werror', ...cpp]],
    ['npx', ['prettier', fix ? '--write' : '--check', '--log-level', 'warn', '.']],
    ['npx', ['eslint', ...(fix ? ['--fix'] : []), '.']],
  ];
  const counts = { passed: 0, failed: 0 };
  for (const [program, args] of tools) {
    const code = await execute('lint', program, args, { inherit: true });
    counts[code === 0 ? 'passed' : 'failed'] += 1;
  }
  return counts;
}

if (import.meta.filename === process.argv[1]) {
  const { failed } = await lint(process.argv.includes('--fix'));
  if (failed > 0 && !process.argv.includes('--fix')) {
    console.error('Run "npm run format" to mend what can be mended by itself.');
  }
  process.exit(failed > 0 ? 1 : 0);
}
