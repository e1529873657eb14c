import type { ModelState } from './model/use_model.js';
import { DropZone } from './parts/drop_zone.js';
import { ErrorNote } from './parts/error_note.js';

/** The page before there is a model. */
export function Welcome({ state }: { state: ModelState }) {
  const { loading, error, drop, useBuiltIn } = state;
  return (
    <main class="welcome">
      <DropZone label="Drop an ONNX model here" class="drop-large" onFiles={drop}>
        <span class="doc">with its data files if it has any, or click to choose</span>
      </DropZone>
      <p class="welcome-or">or</p>
      <button type="button" class="primary" onClick={useBuiltIn}>
        Try the built-in digits model
      </button>
      <p class="status" role="status">
        {loading ? `Loading${loading.total ? ` ${loading.done} of ${loading.total}` : '...'}` : ''}
      </p>
      <ErrorNote error={error} />
    </main>
  );
}
