import type { Report } from 'whittle-nn';
import type { Opened } from '../model/opened.js';
import { Panel } from '../parts/panel.js';
import { Downloads } from './downloads.js';
import { Headline } from './headline.js';
import { MeasuresTable } from './measures_table.js';
import { OutputsTable, WorstTable } from './outputs_table.js';
import { StepsList } from './steps_list.js';
import type { Outcome } from './use_run.js';
import { Verdict } from './verdict.js';

const recipeName = ({ steps }: Report): string =>
  steps.map(({ technique }) => technique).join(' + ');

function environmentText({ environment: e }: Report): string {
  return `${e.runtime}, ${e.tier}, ${e.threads} thread${e.threads === 1 ? '' : 's'}`;
}

function Details({ report }: { report: Report }) {
  const { evaluation } = report;
  return (
    <>
      <div class="columns">
        <div>
          <h3>Measured</h3>
          <MeasuresTable report={report} />
        </div>
        <div>
          <h3>What each step did</h3>
          <StepsList report={report} />
          {evaluation && (
            <>
              <h3>
                Outputs {report.data.synthetic && <span class="tag tag-warn">synthetic</span>}
              </h3>
              <OutputsTable evaluation={evaluation} />
              <WorstTable evaluation={evaluation} />
            </>
          )}
        </div>
      </div>
      <p class="doc">{environmentText(report)}</p>
    </>
  );
}

interface ResultPanelProps {
  opened: Opened;
  outcome: Outcome | undefined;
}

/** Original and compressed, side by side. */
export function ResultPanel({ opened, outcome }: ResultPanelProps) {
  const report = outcome?.report;
  return (
    <Panel
      title="Original and compressed"
      class="result"
      aside={<span class="muted cut">{report ? recipeName(report) : 'not run yet'}</span>}
    >
      <Headline opened={opened} report={report} />
      {report && <Verdict gate={report.gate} />}
      {outcome && <Downloads outcome={outcome} />}
      {report && <Details report={report} />}
    </Panel>
  );
}
