/** Exporters put what tells layers apart at the end of a long name: that part is never cut. */
const TAIL = 14;

/** A name that is cut in its middle when there is no room; the whole is its title. */
export function LayerName({ name }: { name: string }) {
  return (
    <span class="layer-name" title={name}>
      <span class="cut">{name.slice(0, -TAIL)}</span>
      <span>{name.slice(-TAIL)}</span>
    </span>
  );
}
