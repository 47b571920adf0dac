/** How the demo shows its tasks: a live list in a terminal, plain lines elsewhere. */
import type { ListrBaseClassOptions, ListrRendererFactory, ListrTaskWrapper } from 'listr2';
import { type JobView, progressBar } from './follow-job.ts';

export type Task = ListrTaskWrapper<unknown, ListrRendererFactory, ListrRendererFactory>;

const isTerminal = process.stdout.isTTY;

export const rendering = {
  renderer: 'default',
  rendererOptions: { collapseSubtasks: false, showErrorMessage: false, formatOutput: 'truncate' },
  fallbackRenderer: 'simple',
  fallbackRendererCondition: !isTerminal,
  // main.ts handles signals.
  registerSignalListeners: false,
} satisfies ListrBaseClassOptions;

/** What to show of a task's output: all lines, which stay, or the last line, while the task runs. */
export const allLines = { persistentOutput: true, outputBar: Number.POSITIVE_INFINITY };
export const lastLine = { persistentOutput: false, outputBar: 1 };
export type OutputOptions = typeof lastLine;

/** Returns a function that prints a line under the task. Without a terminal it puts the task's name before the line. */
export function printerFor(name: string, task: Task): (line: string) => void {
  return (line) => {
    task.output = isTerminal ? line : `${name}: ${line}`;
  };
}

/** Shows a job in its task: the state and progress in the title, fal's last log line below it. */
export function jobViewOf(name: string, task: Task): JobView {
  if (isTerminal) {
    return {
      log: printerFor(name, task),
      state: (text) => {
        task.title = `${name}: ${text}`;
      },
      progress: (percent, text) => {
        task.title = `${name}: ${progressBar(percent)} ${text}`;
      },
    };
  }
  const print = printerFor(name, task);
  let printed = 0;
  return {
    state: print,
    // One line per ten percent, so that a training does not fill pages.
    progress: (percent, text) => {
      if (Math.floor(percent / 10) > printed) print(`${progressBar(percent)} ${text}`);
      printed = Math.max(printed, Math.floor(percent / 10));
    },
    // Leaves out fal's own progress bars.
    log: (line) => line.includes('%|') || print(`fal: ${line}`),
  };
}
