/** Sends nudges between processes over Redis. This process receives its own nudges directly, and ignores their copies from Redis. */
import { randomUUID } from 'node:crypto';
import { createRedisEventTarget } from '@graphql-yoga/redis-event-target';
import type { NudgeTarget } from '../events/nudges.ts';
import type { RedisClients } from './redis-clients.ts';

/** `by` is the sending process. */
type Message = { by: string; detail: string };

/** `prefix` keeps installations apart that share a Redis. */
export function createRedisNudgeTarget(
  { commands, listener }: Pick<RedisClients, 'commands' | 'listener'>,
  prefix: string,
) {
  const self = randomUUID();
  const local = new EventTarget();
  const remote = createRedisEventTarget<CustomEvent<Message>>({
    // Failures are ignored: a lost nudge delays its event by two seconds.
    publishClient: {
      publish: (channel: string, message: string) => commands.publish(channel, message).catch(() => 0),
    } as typeof commands,
    subscribeClient: {
      on: listener.on.bind(listener),
      subscribe: (channel: string) => listener.subscribe(channel).catch(() => undefined),
      unsubscribe: (channel: string) => listener.unsubscribe(channel).catch(() => undefined),
    } as unknown as typeof listener,
  });
  const remoteListeners = new Map<unknown, (event: CustomEvent<Message>) => void>();
  const target: NudgeTarget = {
    addEventListener(topic, onNudge) {
      if (typeof onNudge !== 'function') return;
      const onMessage = ({ detail }: CustomEvent<Message>) => {
        if (detail.by !== self) onNudge(new CustomEvent(topic, { detail: detail.detail }));
      };
      remoteListeners.set(onNudge, onMessage);
      local.addEventListener(topic, onNudge);
      remote.addEventListener(prefix + topic, onMessage);
    },
    removeEventListener(topic, onNudge) {
      const onMessage = remoteListeners.get(onNudge);
      remoteListeners.delete(onNudge);
      local.removeEventListener(topic, onNudge);
      if (onMessage !== undefined) remote.removeEventListener(prefix + topic, onMessage);
    },
    dispatchEvent(event) {
      local.dispatchEvent(event);
      const { detail } = event as CustomEvent<string>;
      return remote.dispatchEvent(new CustomEvent(prefix + event.type, { detail: { by: self, detail } }));
    },
  };
  return target;
}
