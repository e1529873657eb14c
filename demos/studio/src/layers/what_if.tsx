import type { Report } from 'whittle-nn';
import { formatBytes, formatChange, formatDb, formatShare, wireBytes } from 'whittle-nn/report';

/** The last change of one layer, and what the result was before it. */
export interface WhatIf {
  layer: string;
  /** It stays float now, rather than being compressed again. */
  float: boolean;
  before: Report;
}

/** The worst output's ratio; null when all are exact. */
const worstDb = ({ evaluation }: Report): number | null =>
  (evaluation?.outputs ?? []).reduce<number | null>(
    (worst, { sqnrDb }) => (sqnrDb === null ? worst : Math.min(worst ?? Infinity, sqnrDb)),
    null,
  );

const agreement = ({ evaluation }: Report): string | undefined => {
  const found = evaluation?.outputs.find((output) => output.agreement)?.agreement;
  return found && formatShare(found.top1);
};

/** What keeping one layer in float has changed: bytes, closeness, answers. */
export function WhatIfLine({ whatIf, after }: { whatIf: WhatIf; after: Report }) {
  const { layer, float, before } = whatIf;
  const [was, is] = [wireBytes(before.compressed), wireBytes(after.compressed)];
  const [sameBefore, sameAfter] = [agreement(before), agreement(after)];
  return (
    <dl class="what-if" role="status">
      <dt>
        <b class="break">{layer}</b> {float ? 'in float' : 'compressed again'}
      </dt>
      <dd>
        {formatBytes(was)} → <b>{formatBytes(is)}</b>{' '}
        <span class="muted">{formatChange(was, is)}</span>
      </dd>
      {before.evaluation && after.evaluation && (
        <dd>
          <span class="muted">worst output</span> {formatDb(worstDb(before))} →{' '}
          <b>{formatDb(worstDb(after))}</b>
        </dd>
      )}
      {sameBefore && sameAfter && (
        <dd>
          <span class="muted">same answer</span> {sameBefore} → <b>{sameAfter}</b>
        </dd>
      )}
    </dl>
  );
}
