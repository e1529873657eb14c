import { render } from 'preact';
import { configure, type Tier } from 'whittle-nn';
import { App } from './app.js';
import { provideBrotli } from './result/brotli.js';
import './style/style.css';

/** ?tier=simd128&threads=1 forces a module, for comparison and for tests. */
function configureFromAddress(): void {
  const query = new URLSearchParams(location.search);
  const tier = query.get('tier');
  const threads = query.get('threads');
  if (tier) configure({ tier: tier as Tier });
  if (threads) configure({ threads: Number(threads) });
}

let problem: unknown;
try {
  configureFromAddress();
} catch (error) {
  problem = error;
}
provideBrotli();
render(<App startProblem={problem} />, document.getElementById('app')!);
