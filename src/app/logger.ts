/** The log: readable lines in a terminal, JSON otherwise. Each line has the ids of its span and job. No secret is ever logged, and no prompt at info or above. */
import { destination, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { traceFields } from '../tracing/trace.ts';
import type { Settings } from './config.ts';

export function createLogger(settings: Pick<Settings, 'LOG_LEVEL' | 'NODE_ENV'>): Logger {
  const isForPeople = settings.NODE_ENV !== 'production' && process.stdout.isTTY;
  return pino(
    {
      level: settings.LOG_LEVEL ?? (isForPeople ? 'warn' : 'info'),
      base: null,
      mixin: traceFields,
      redact: {
        paths: ['*.authorization', '*.headers.authorization', '*.FAL_KEY', '*.key', '*.prompt', '*.finalPrompt'],
        censor: '…',
      },
    },
    isForPeople
      ? pretty({ colorize: true, translateTime: 'HH:MM:ss', sync: true })
      : destination({ dest: 1, sync: true }),
  );
}
