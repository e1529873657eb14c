import type { ImageInput, ImagePreset } from 'whittle-nn';
import { NumberField, SelectField } from '../parts/field.js';
import type { DataChoice, Labels } from './choice.js';

type Images = DataChoice['images'];

interface ImageFormProps {
  images: Images;
  onChange: (images: Images) => void;
}

const PRESETS: readonly (readonly [ImagePreset, string])[] = [
  ['imagenet', 'ImageNet mean and std'],
  ['unit', '0 to 1'],
  ['minus1to1', '-1 to 1'],
  ['raw255', '0 to 255'],
];
const CROPS = [
  ['center', 'centre, 7/8 of it'],
  ['cover', 'centre, all of it'],
  ['stretch', 'stretch'],
] as const;
const LABELS: readonly (readonly [Labels, string])[] = [
  ['none', 'unknown'],
  ['number', 'number the file name starts with'],
];

/** How images become the model's input. */
export function ImageForm({ images, onChange }: ImageFormProps) {
  const { input, labels } = images;
  const [height, width] = input.size;
  const set = (change: Partial<ImageInput>): void =>
    onChange({ ...images, input: { ...input, ...change } });
  return (
    <div class="fields">
      <SelectField
        label="Values"
        value={input.preset ?? 'unit'}
        choices={PRESETS}
        onChange={(preset) => set({ preset })}
      />
      <SelectField
        label="Crop"
        value={input.crop ?? 'center'}
        choices={CROPS}
        onChange={(crop) => set({ crop })}
      />
      <NumberField
        label="Height"
        unit="px"
        min={1}
        step={1}
        value={height}
        onChange={(value) => set({ size: [value ?? height, width] })}
      />
      <NumberField
        label="Width"
        unit="px"
        min={1}
        step={1}
        value={width}
        onChange={(value) => set({ size: [height, value ?? width] })}
      />
      <SelectField
        label="Layout"
        value={input.layout ?? 'NCHW'}
        choices={[
          ['NCHW', 'NCHW'],
          ['NHWC', 'NHWC'],
        ]}
        onChange={(layout) => set({ layout })}
      />
      <SelectField
        label="Channels"
        value={input.channels ?? 'RGB'}
        choices={[
          ['RGB', 'RGB'],
          ['BGR', 'BGR'],
          ['GRAY', 'grey'],
        ]}
        onChange={(channels) => set({ channels })}
      />
      <SelectField
        label="Right class"
        value={labels}
        choices={LABELS}
        onChange={(next) => onChange({ ...images, labels: next })}
      />
    </div>
  );
}
