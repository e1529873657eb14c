import type { Model } from 'whittle-nn';
import { DropZone } from '../parts/drop_zone.js';
import { NumberField } from '../parts/field.js';
import { Panel } from '../parts/panel.js';
import { Segmented } from '../parts/segmented.js';
import { takesImages, type DataChoice, type DataKind } from './choice.js';
import { ImageForm } from './image_form.js';

interface DataPanelProps {
  model: Model;
  builtIn: boolean;
  choice: DataChoice;
  onChange: (choice: DataChoice) => void;
}

function DigitsForm({ choice, onChange }: Pick<DataPanelProps, 'choice' | 'onChange'>) {
  const { digits } = choice;
  const set = (change: Partial<DataChoice['digits']>): void =>
    onChange({ ...choice, digits: { ...digits, ...change } });
  return (
    <>
      <p class="doc">
        Drawn on demand, with labels. Calibration and test images are never the same.
      </p>
      <div class="fields">
        <NumberField
          label="To calibrate"
          min={1}
          step={1}
          value={digits.calibration}
          onChange={(value) => set({ calibration: Math.max(1, Math.round(value ?? 1)) })}
        />
        <NumberField
          label="To evaluate"
          min={1}
          step={1}
          value={digits.evaluation}
          onChange={(value) => set({ evaluation: Math.max(1, Math.round(value ?? 1)) })}
        />
      </div>
    </>
  );
}

function ImagesForm({ choice, onChange }: Pick<DataPanelProps, 'choice' | 'onChange'>) {
  const { images } = choice;
  const count = images.files.length;
  return (
    <>
      <DropZone
        label={count > 0 ? `${count} image${count === 1 ? '' : 's'}` : 'Drop images'}
        accept="image/*"
        class="drop-small"
        onFiles={(files) => onChange({ ...choice, images: { ...images, files } })}
      >
        <span class="doc">
          {count > 0 ? 'half calibrate, half evaluate; drop others to replace them' : 'or choose'}
        </span>
      </DropZone>
      <ImageForm images={images} onChange={(next) => onChange({ ...choice, images: next })} />
    </>
  );
}

/** What calibration and evaluation look at. */
export function DataPanel({ model, builtIn, choice, onChange }: DataPanelProps) {
  const kinds: { value: DataKind; text: string; title?: string; disabled?: boolean }[] = [
    ...(builtIn ? [{ value: 'digits' as const, text: 'Digits' }] : []),
    {
      value: 'images',
      text: 'Images',
      disabled: !takesImages(model),
      title: takesImages(model)
        ? 'Real images, the only way to a number that can be trusted'
        : 'This model does not take one image',
    },
    { value: 'synthetic', text: 'Synthetic', title: 'Made-up numbers' },
    { value: 'none', text: 'None' },
  ];
  return (
    <Panel title="Data">
      <Segmented
        legend="Kind of data"
        value={choice.kind}
        choices={kinds}
        onChange={(kind) => onChange({ ...choice, kind })}
      />
      {choice.kind === 'digits' && <DigitsForm {...{ choice, onChange }} />}
      {choice.kind === 'images' && <ImagesForm {...{ choice, onChange }} />}
      {choice.kind === 'synthetic' && (
        <>
          <p class="note note-warn">
            Synthetic samples are made-up numbers. They show how closely the outputs follow, not how
            accurate the model is.
          </p>
          <NumberField
            label="Samples of each kind"
            min={1}
            step={1}
            value={choice.synthetic.count}
            onChange={(value) =>
              onChange({ ...choice, synthetic: { count: Math.max(1, Math.round(value ?? 1)) } })
            }
          />
        </>
      )}
      {choice.kind === 'none' && (
        <p class="doc">Size and speed only. Recipes that calibrate will ask for data.</p>
      )}
    </Panel>
  );
}
