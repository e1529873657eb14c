import { DropZone } from '../parts/drop_zone.js';
import { ErrorNote } from '../parts/error_note.js';
import { Panel } from '../parts/panel.js';
import { ModelFacts } from './model_facts.js';
import type { ModelState } from './use_model.js';

/** Where a model comes from, and what it is. */
export function ModelPicker({ state }: { state: ModelState }) {
  const { opened, loading, error, drop, useBuiltIn } = state;
  return (
    <Panel title="Model">
      {opened && <ModelFacts opened={opened} />}
      <DropZone
        label={opened ? 'Drop another model' : 'Drop a model'}
        class={opened ? 'drop-small' : ''}
        onFiles={drop}
      >
        <span class="doc">with its data files, or click to choose</span>
      </DropZone>
      {!opened?.builtIn && (
        <button type="button" class="link" onClick={useBuiltIn}>
          or use the built-in digits model (45 kB)
        </button>
      )}
      <p class="status" role="status">
        {loading && 'Loading...'}
      </p>
      <ErrorNote error={error} />
    </Panel>
  );
}
