/** The report of a run as a person reads it. */
import { whole } from './money.ts';
import type { ChaosReport } from './run.ts';

export function tableOf(report: ChaosReport): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const megabytes = ({ residentBytes }: { residentBytes: number }) => `${Math.round(residentBytes / 1e6)} MB`;
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['processes', report.processes],
    ['jobs', report.jobs],
    ...listed('  ', report.ends),
    ...listed('  refused: ', report.refusals),
    ['events', report.events],
    ['credits granted, paid and left', money(report)],
    ['connections of followers', report.connections],
    ['kills of the server', report.kills],
    ['drains of the server', report.drains],
    ['restarts of fal', report.falRestarts],
    ['slowest recovery', seconds(report.slowestRecoveryMs)],
    ['duration', seconds(report.durationMs)],
    ['sockets, fresh and at rest', `${report.atStart.sockets}, ${report.atEnd.sockets}`],
    ['memory, fresh and at rest', `${megabytes(report.atStart)}, ${megabytes(report.atEnd)}`],
    ['faults at fal', [...report.faults.values()].reduce((sum, count) => sum + count, 0)],
    ...listed('  ', report.faults),
    ...listed('logged: ', report.loggedErrors),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  if (report.wrong.length === 0) return `${table}\n\nEvery promise was kept.`;
  return `${table}\n\nSeed ${report.seed}, wrong:\n${report.wrong.map((what) => `- ${what}`).join('\n')}`;
}

const money = ({ money: { granted, paid } }: ChaosReport) => [granted, paid, whole([granted, -paid])].join(', ');

function listed(before: string, counts: Map<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => [before + name, count]);
}
