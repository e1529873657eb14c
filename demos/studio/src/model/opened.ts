import { loadModel, type Long, type Model, type Summary } from 'whittle-nn';
import digitsUrl from 'whittle-digits/digits.onnx?url';
import { sourceFor, sourceOf, type Dropped } from './files.js';

/** A model with everything the page shows of it. */
export interface Opened {
  /** Another one for each opening. */
  id: number;
  model: Model;
  summary: Summary;
  /** Of the file, with external data. */
  bytes: number;
  /** The digits model, which brings its own data. */
  builtIn: boolean;
}

let lastId = 0;

async function describe(model: Model, bytes: number, builtIn: boolean): Promise<Opened> {
  try {
    return { id: ++lastId, model, summary: await model.summary(), bytes, builtIn };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

export async function openDropped(dropped: Dropped, o: Long): Promise<Opened> {
  let model: Model;
  try {
    model = await loadModel(sourceOf(dropped), o);
  } catch (error) {
    const better = sourceFor(dropped, error);
    if (!better) throw error;
    model = await loadModel(better, o);
  }
  const bytes = [dropped.main, ...dropped.others].reduce((sum, file) => sum + file.size, 0);
  return describe(model, bytes, false);
}

export async function openBuiltIn(o: Long): Promise<Opened> {
  const response = await fetch(digitsUrl, o.signal ? { signal: o.signal } : {});
  const blob = await response.blob();
  const model = await loadModel(new File([blob], 'digits.onnx'), o);
  return describe(model, blob.size, true);
}
