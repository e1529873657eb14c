import { WhittleError, type Source } from 'whittle-nn';

/** What was dropped: the model and whatever came with it. */
export interface Dropped {
  main: File;
  others: File[];
}

const looksLikeData = (file: File): boolean =>
  /\.(data|bin|weights|pb|ext)$|[._]data([._]\d+)?$/i.test(file.name);

/**
 * Tells the model from its data files. Data files alone belong to the model dropped before, which
 * asked for them.
 */
export function sortFiles(files: readonly File[], before: Dropped | undefined): Dropped {
  const named = files.find((file) => /\.onnx$/i.test(file.name));
  if (!named && before && files.every(looksLikeData)) {
    return { main: before.main, others: [...before.others, ...files] };
  }
  const main = named ?? files.find((file) => !looksLikeData(file)) ?? (files[0] as File);
  return { main, others: files.filter((file) => file !== main) };
}

const baseName = (location: string): string => location.split(/[\\/]/).pop() ?? location;

/** The source with its data files under their own names. */
export function sourceOf({ main, others }: Dropped): Source {
  if (others.length === 0) return main;
  return { model: main, external: Object.fromEntries(others.map((file) => [file.name, file])) };
}

/**
 * The same after the model has said which files it wants: it may name them with folders, which a
 * dropped file no longer has. Undefined when one was not dropped.
 */
export function sourceFor(dropped: Dropped, error: unknown): Source | undefined {
  if (!(error instanceof WhittleError) || error.code !== 'EXTERNAL_DATA_MISSING') return undefined;
  const wanted = (error.where ?? '').split('\n').filter((line) => line !== '');
  const found = wanted.map(
    (location) =>
      [location, dropped.others.find((file) => file.name === baseName(location))] as const,
  );
  if (found.length === 0 || found.some(([, file]) => !file)) return undefined;
  const external = Object.fromEntries(found.map(([location, file]) => [location, file as File]));
  const given = Object.fromEntries(dropped.others.map((file) => [file.name, file]));
  return { model: dropped.main, external: { ...given, ...external } };
}
