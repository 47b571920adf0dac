/** Nudges between processes, over Redis. This process hears its own at once, and not a second time from there. */
import { randomUUID } from 'node:crypto';
import { createRedisEventTarget } from '@graphql-yoga/redis-event-target';
import type { NudgeTarget } from '../events/nudges.ts';
import type { RedisClients } from './redis-clients.ts';

type Sent = { by: string; detail: string };

/** `prefix` is of this installation: another may use the same Redis. */
export function createRedisNudgeTarget(
  { commands, listener }: Pick<RedisClients, 'commands' | 'listener'>,
  prefix: string,
) {
  const own = randomUUID();
  const here = new EventTarget();
  const there = createRedisEventTarget<CustomEvent<Sent>>({
    // Nobody waits for these, and what is lost is found two seconds later.
    publishClient: {
      publish: (channel: string, message: string) => commands.publish(channel, message).catch(() => 0),
    } as typeof commands,
    subscribeClient: {
      on: listener.on.bind(listener),
      subscribe: (channel: string) => listener.subscribe(channel).catch(() => undefined),
      unsubscribe: (channel: string) => listener.unsubscribe(channel).catch(() => undefined),
    } as unknown as typeof listener,
  });
  const wrapped = new Map<unknown, (event: CustomEvent<Sent>) => void>();
  const target: NudgeTarget = {
    addEventListener(topic, heard) {
      if (typeof heard !== 'function') return;
      const hear = ({ detail }: CustomEvent<Sent>) => {
        if (detail.by !== own) heard(new CustomEvent(topic, { detail: detail.detail }));
      };
      wrapped.set(heard, hear);
      here.addEventListener(topic, heard);
      there.addEventListener(prefix + topic, hear);
    },
    removeEventListener(topic, heard) {
      const hear = wrapped.get(heard);
      wrapped.delete(heard);
      here.removeEventListener(topic, heard);
      if (hear !== undefined) there.removeEventListener(prefix + topic, hear);
    },
    dispatchEvent(event) {
      here.dispatchEvent(event);
      const { detail } = event as CustomEvent<string>;
      return there.dispatchEvent(new CustomEvent(prefix + event.type, { detail: { by: own, detail } }));
    },
  };
  return target;
}
