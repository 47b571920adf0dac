/** The simulator's own pages, under /__simulator: its requests and calls, the fault plan, the clock. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { isManual } from '../clock.ts';
import type { Faults } from '../faults/active-plan.ts';
import { InvalidFaultPlan, readFaultPlan } from '../faults/plan.ts';
import type { Store } from '../storage/store.ts';
import { type Call, readJson } from './call.ts';
import type { CallLog } from './call-log.ts';
import type { Reply } from './reply.ts';

export type AdminPages = (call: Call) => Promise<Reply>;

const advanceSchema = z.strictObject({ advanceMs: z.number().nonnegative() });

export function openAdminPages(parts: { store: Store; clock: Clock; callLog: CallLog; faults: Faults }): AdminPages {
  const { store, clock, callLog, faults } = parts;
  return async (call) => {
    switch (`${call.method} ${call.path}`) {
      case 'GET /__simulator/requests':
        return ok({ requests: [...store.requests()], calls: callLog.calls(), webhooks: callLog.webhooks() });
      case 'GET /__simulator/faults':
        return ok(faults.report());
      case 'PUT /__simulator/faults':
        return await setFaults(await readJson(call));
      case 'DELETE /__simulator/faults':
        faults.clear();
        return ok(faults.report());
      case 'GET /__simulator/clock':
        return ok(time());
      case 'POST /__simulator/clock':
        return advance(await readJson(call));
      default:
        return rejected(404, 'The simulator has /__simulator/requests, /__simulator/faults and /__simulator/clock');
    }
  };

  async function setFaults(json: unknown): Promise<Reply> {
    try {
      faults.set(readFaultPlan(json));
      return ok(faults.report());
    } catch (error) {
      if (error instanceof InvalidFaultPlan) return rejected(400, error.message);
      throw error;
    }
  }

  function advance(json: unknown): Reply {
    const body = advanceSchema.safeParse(json);
    if (!body.success) return rejected(400, 'Expected {"advanceMs": 1000}, not less than 0');
    if (!isManual(clock)) return rejected(409, 'The clock runs by itself: start the simulator with --hold-clock');
    clock.advance(body.data.advanceMs);
    return ok(time());
  }

  function time(): object {
    return { now: clock.now(), held: isManual(clock) };
  }
}

function ok(body: object): Reply {
  return { status: 200, body };
}

function rejected(status: number, detail: string): Reply {
  return { status, body: { detail } };
}
