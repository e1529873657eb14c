/** Reports for people: rows of a table, laid out for the terminal or as one HTML file. */

export * from './format.js';
export { layerCell, reportTable, wireBytes, type Table } from './rows.js';
export { stepTables, type FactTable } from './facts.js';
export { layerCaption, layerDb, layerNotes, layerOp, layerShare } from './layers.js';
export { renderFacts, renderLayers, renderText, textTable } from './text.js';
export { renderHtml } from './html.js';
export type {
  LayerComparison,
  LayerFidelity,
  NamedReport,
  Report,
  ReportSet,
} from '../generated/report.js';
