import type { LayerComparison, NamedReport, ReportSet } from '../generated/report.js';
import { reportTable } from './rows.js';
import { stepTables } from './facts.js';
import { formatDb, formatShare } from './format.js';
import { layerCaption, layerDb, layerNotes, layerOp, layerShare } from './layers.js';

const escape = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c,
  );

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0a7a5a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; background: var(--soft); white-space: nowrap; }
td.n { white-space: nowrap; }
.verdict { font-weight: 600; color: var(--accent); }
.note { opacity: .75; }
.layers td { padding-block: .1rem; white-space: nowrap; border: 0; }
.layers td:nth-child(3) { width: 60%; }
.layers i { display: block; height: .8em; min-width: 1px; background: var(--accent); border-radius: 2px; }
.layers i.bad { background: #b3261e; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map(
      (row) =>
        `<tr>${row.map((cell) => `<td${cell.length < 24 ? ' class="n"' : ''}>${escape(cell)}</td>`).join('')}</tr>`,
    )
    .join('')}</tbody></table></div>`;

/** A bar a layer, the worst first. Under 20 dB the error shows in what the model answers. */
function layerPlot(comparison: LayerComparison): string {
  const bars = comparison.layers.map((layer) => {
    const bad = layer.sqnrDb !== null && layer.sqnrDb < 20;
    const width = (layerShare(layer) * 100).toFixed(1);
    const notes = [layer.compressed.weights ?? '', layerNotes(layer)].filter(Boolean).join(', ');
    return `<tr><td>${escape(layer.name)}</td><td>${escape(layerOp(layer))}</td><td><i${bad ? ' class="bad"' : ''} style="width:${width}%"></i></td><td>${layerDb(layer)}</td><td>${escape(notes)}</td></tr>`;
  });
  const alone = comparison.alone.map(
    (layer) =>
      `<li>${escape(`${layer.name} (${layer.op}, only in the ${layer.in}): ${layer.reason}`)}</li>`,
  );
  return `<p class="note">${escape(layerCaption(comparison))}; a full bar is 60 dB or more</p>
<div class="scroll"><table class="layers">${bars.join('')}</table></div>${alone.length > 0 ? `<p class="note">Not compared</p><ul>${alone.join('')}</ul>` : ''}`;
}

function details({ name, report }: NamedReport): string {
  const parts = [`<h2>${escape(name)}</h2>`];
  const { evaluation, gate, warnings } = report;
  if (gate) parts.push(`<p>${gate.checks.map((check) => escape(check.text)).join('<br>')}</p>`);
  if (evaluation) {
    const rows = evaluation.outputs.map((output) => [
      output.name,
      formatDb(output.sqnrDb),
      output.cosine === null ? '-' : output.cosine.toFixed(6),
      output.maxError === null ? '-' : output.maxError.toPrecision(3),
      output.agreement ? formatShare(output.agreement.top1) : '-',
      typeof output.kl !== 'number' ? '-' : output.kl.toPrecision(3),
    ]);
    parts.push(table(['output', 'SQNR', 'cosine', 'max error', 'top-1 agreement', 'KL'], rows));
    if (evaluation.worst.length > 0) {
      const worst = evaluation.worst.map((w) => [
        w.id,
        formatDb(w.sqnrDb),
        w.changed ? 'yes' : 'no',
      ]);
      parts.push(
        '<p class="note">Worst samples</p>',
        table(['sample', 'SQNR', 'answer changed'], worst),
      );
    }
  }
  if (report.layers) parts.push(layerPlot(report.layers));
  for (const step of report.steps) {
    for (const { title, head, rows } of stepTables(step)) {
      const summary = `${step.technique}: ${title} (${rows.length})`;
      parts.push(`<details><summary>${escape(summary)}</summary>${table(head, rows)}</details>`);
    }
  }
  if (warnings.length > 0)
    parts.push(`<ul>${warnings.map((text) => `<li>${escape(text)}</li>`).join('')}</ul>`);
  parts.push(
    `<details><summary>Recipe</summary><pre>${escape(JSON.stringify(report.recipe, null, 2))}</pre></details>`,
  );
  return parts.join('\n');
}

/**
 * One HTML file that needs nothing else and shows what a report.json holds: the table, then each
 * recipe's fidelity and the recipe itself.
 */
export function renderHtml({ reports }: ReportSet): string {
  const { caption, head, rows, verdict } = reportTable(reports, true);
  const title = `Whittle: ${reports[0]?.report.model ?? ''}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<h1>${escape(title)}</h1>
<p class="note">${escape(caption)}</p>
${table(head, rows)}
<p class="verdict">${escape(verdict)}</p>
${reports.map(details).join('\n')}
</html>
`;
}
