/** Several server processes on one PostgreSQL and one Redis, behind a load balancer, of which one at a time is killed. */
import { openBalancer } from '../support/balancer.ts';
import { freePort } from '../support/process.ts';
import { openRedisServer } from '../support/redis.ts';
import { openEmptyPostgres } from '../support/sql.ts';
import { type MortalServer, startMortal } from './server.ts';

export type Fleet = MortalServer & { databaseUrl: string; close(): Promise<void> };

/** `env` may depend on where clients reach them. */
export async function startFleet(count: number, env: (url: string) => Record<string, string>): Promise<Fleet> {
  const [postgres, redis] = await Promise.all([openEmptyPostgres(), openRedisServer()]);
  const members: MortalServer[] = [];
  const balancer = await openBalancer(() => members.map(({ url }) => url));
  const ofMember = async () => ({
    ...env(balancer.url),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    DRAIN_SECONDS: '1',
    PORT: String(await freePort()),
  });
  for (let n = 0; n < count; n += 1) members.push(await startMortal(await ofMember()));
  let turn = 0;
  const next = () => members[(turn += 1) % count] as MortalServer;
  const sum = (of: (member: MortalServer) => number) => members.reduce((all, member) => all + of(member), 0);
  return {
    url: balancer.url,
    databaseUrl: postgres.url,
    get pids() {
      return members.flatMap(({ pids }) => pids);
    },
    get kills() {
      return sum(({ kills }) => kills);
    },
    get drains() {
      return sum(({ drains }) => drains);
    },
    get slowestRecoveryMs() {
      return Math.max(...members.map(({ slowestRecoveryMs }) => slowestRecoveryMs));
    },
    killAndStart: (killedStartsMs) => next().killAndStart(killedStartsMs),
    drainAndStart: () => next().drainAndStart(),
    start: async () => void (await Promise.all(members.map(async (member) => await member.start()))),
    async stop() {
      const codes = await Promise.all(members.map(async (member) => await member.stop()));
      return codes.find((code) => code !== 0) ?? 0;
    },
    errors: () => members.flatMap((member) => member.errors()),
    async close() {
      await balancer.close();
      await redis.stop();
      await postgres.close();
    },
  };
}
