import { defineConfig } from 'vite';

/** Shared memory, and with it threads, exists only in pages that are isolated by these headers. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  server: { headers: isolation },
  preview: { headers: isolation },
  // Both load a .wasm file that lies beside their script, so the script has to stay where it is.
  optimizeDeps: { exclude: ['whittle-nn', 'brotli-wasm'] },
  worker: { format: 'es' },
  build: { target: 'es2022' },
});
