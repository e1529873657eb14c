/** The buffers of tensors and byte arrays in a result, to be moved instead of copied. */
export function transferables(value: unknown): Transferable[] {
  const found = new Set<ArrayBuffer>();
  const visit = (item: unknown): void => {
    if (ArrayBuffer.isView(item)) {
      if (item.buffer instanceof ArrayBuffer && item.byteLength === item.buffer.byteLength)
        found.add(item.buffer);
    } else if (Array.isArray(item)) {
      // Of objects only: an array of a million strings holds no buffer.
      if (typeof item[0] === 'object') item.forEach(visit);
    } else if (typeof item === 'object' && item !== null) {
      for (const child of Object.values(item)) visit(child);
    }
  };
  visit(value);
  return [...found];
}
