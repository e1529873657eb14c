import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

interface DropZoneProps {
  label: string;
  accept?: string;
  class?: string;
  onFiles: (files: File[]) => void;
  children?: ComponentChildren;
}

/** Takes files by dropping or by choosing; the whole area is the button. */
export function DropZone({ label, accept, class: name = '', onFiles, children }: DropZoneProps) {
  const id = useId();
  const [over, setOver] = useState(false);
  const take = (list: FileList | null | undefined): void => {
    if (list && list.length > 0) onFiles([...list]);
  };
  return (
    <div
      class={`drop ${over ? 'drop-over' : ''} ${name}`}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        e.stopPropagation();
        setOver(false);
        take(e.dataTransfer?.files);
      }}
    >
      <input
        id={id}
        class="hidden"
        type="file"
        multiple
        accept={accept}
        onChange={(e) => {
          take(e.currentTarget.files);
          // The same file chosen again must count as a choice.
          e.currentTarget.value = '';
        }}
      />
      <label for={id}>
        <span class="drop-label">{label}</span>
        {children}
      </label>
    </div>
  );
}
