/** Converts the limits, deadlines and budgets of the settings to the units of the code. */
import { type EndpointId, endpoints } from '../fal/endpoints.ts';
import { toTenths } from '../ledger/prices.ts';
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import type { App } from './app.ts';
import type { Settings } from './config.ts';

export function readPolicy(
  settings: Settings,
): Pick<App, 'falMode' | 'falLimits' | 'deadlineMs' | 'metering' | 'limits'> {
  const deadlineSeconds = {
    TRAINING: settings.TRAINING_DEADLINE_SECONDS,
    GENERATION: settings.GENERATION_DEADLINE_SECONDS,
  };
  const limits: Limits = {
    ...defaultLimits,
    operationsPerMinute: settings.OPERATIONS_PER_MINUTE,
    requestsPerAddress: settings.REQUESTS_PER_ADDRESS,
  };
  return {
    falMode: settings.FAL_MODE === 'live' ? 'LIVE' : 'SIMULATED',
    falLimits: {
      submitsPerMinute: settings.FAL_SUBMITS_PER_MINUTE,
      jobsAtOnce: settings.FAL_JOBS_AT_ONCE,
      statusReadsPerMinute: settings.FAL_STATUS_READS_PER_MINUTE,
    },
    deadlineMs: (endpoint: EndpointId) => 1000 * deadlineSeconds[endpoints[endpoint].kind],
    metering: {
      isOn: settings.METERING === 'on',
      dailyBudgetTenths: settings.DAILY_CREDITS === undefined ? null : toTenths(settings.DAILY_CREDITS),
    },
    limits,
  };
}
