/** What the user sees: a list that changes in a terminal, plain lines anywhere else. */
import type { ListrBaseClassOptions, ListrRendererFactory, ListrTaskWrapper } from 'listr2';
import { bar, type View } from './watch.ts';

export type Task = ListrTaskWrapper<unknown, ListrRendererFactory, ListrRendererFactory>;

const isTerminal = process.stdout.isTTY;

export const rendering = {
  renderer: 'default',
  rendererOptions: { collapseSubtasks: false, showErrorMessage: false, formatOutput: 'truncate' },
  fallbackRenderer: 'simple',
  fallbackRendererCondition: !isTerminal,
  // Ours: main.ts.
  registerSignalListeners: false,
} satisfies ListrBaseClassOptions;

/** Of the lines that a task says: whether all stay to be read, or the last is shown while the task is under way. */
export const allLines = { persistentOutput: true, outputBar: Number.POSITIVE_INFINITY };
export const lastLine = { persistentOutput: false, outputBar: 1 };
export type Lines = typeof lastLine;

/** Says lines under a task, or where there is no under, with the task's name. */
export function sayer(name: string, task: Task): (line: string) => void {
  return (line) => {
    task.output = isTerminal ? line : `${name}: ${line}`;
  };
}

/** Shows a job in its task: its title says where it is, the line below it what fal logged last. */
export function viewOf(name: string, task: Task): View {
  if (isTerminal) {
    return {
      log: sayer(name, task),
      state: (text) => {
        task.title = `${name}: ${text}`;
      },
      progress: (percent, text) => {
        task.title = `${name}: ${bar(percent)} ${text}`;
      },
    };
  }
  const say = sayer(name, task);
  let told = 0;
  return {
    state: say,
    // A line for each tenth, lest a training fill pages.
    progress: (percent, text) => {
      if (Math.floor(percent / 10) > told) say(`${bar(percent)} ${text}`);
      told = Math.max(told, Math.floor(percent / 10));
    },
    // Bars that fal draws tell what ours tell.
    log: (line) => line.includes('%|') || say(`fal: ${line}`),
  };
}
