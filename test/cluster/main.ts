/**
 * `npm run cluster`: what compose.yaml describes, from what is installed on this machine: a database of its own on
 * the PostgreSQL that the tests use, a Redis, two servers and a load balancer, and a simulated fal. Ctrl-C ends it all.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../src/fal-simulator/server.ts';
import { openBalancer } from '../support/balancer.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { hasRedis, openRedisServer } from '../support/redis.ts';
import { isPostgresReachable, openEmptyPostgres, postgresAt } from '../support/sql.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);

if (!hasRedis) throw new Error('redis-server is not installed.');
if (!(await isPostgresReachable())) throw new Error(`No PostgreSQL at ${postgresAt}: set TEST_DATABASE_URL.`);

const dataDir = await mkdtemp(join(tmpdir(), 'likeness-cluster-'));
const postgres = await openEmptyPostgres();
const redis = await openRedisServer();
const fal = await startSimulator({ dataDir: join(dataDir, 'fal'), speed: 'quick' });
const servers: ServerProcess[] = [];
const balancer = await openBalancer(() => servers.map(({ url }) => url));
for (let n = 1; n <= 2; n += 1) {
  const server = await startProcess({
    DATA_DIR: dataDir,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    PUBLIC_URL: balancer.url,
    DRAIN_SECONDS: '1',
    FAL_MODE: 'live',
    FAL_KEY: fal.key,
    FAL_BASE_URL: fal.url,
  });
  servers.push(server);
  say(`Likeness ${n} at ${server.url}, process ${server.pid}`);
}
say(`Simulated fal at ${fal.url}, Redis at ${redis.url}
GraphiQL is at ${balancer.url}/graphql, through the load balancer. Kill a process and look. Ctrl-C ends it all.`);

process.once('SIGINT', () => {
  void (async () => {
    await Promise.all(servers.map(async (server) => await server.end('SIGTERM')));
    await balancer.close();
    await fal.close();
    await redis.stop();
    await postgres.close();
    await rm(dataDir, { recursive: true, force: true });
    process.exit(0);
  })();
});
