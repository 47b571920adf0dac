/** Several processes on one PostgreSQL and one Redis, with one fal whose answers a test can hold back. */
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { onPostgres, type ServerDatabase } from '../support/databases.ts';
import { type Gate, openGate } from '../support/gate.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { openProxy, type Proxy } from '../support/proxy.ts';
import { openRedisServer, type TestRedis } from '../support/redis.ts';

export class ClusterWorld {
  readonly #processes: ServerProcess[] = [];
  readonly database: ServerDatabase;
  readonly redis: TestRedis;
  readonly simulator: Simulator;
  readonly gate: Gate;
  /** Between the processes and PostgreSQL. */
  readonly proxy: Proxy;

  private constructor(parts: Pick<ClusterWorld, 'database' | 'redis' | 'simulator' | 'gate' | 'proxy'>) {
    this.database = parts.database;
    this.redis = parts.redis;
    this.simulator = parts.simulator;
    this.gate = parts.gate;
    this.proxy = parts.proxy;
  }

  static async open(): Promise<ClusterWorld> {
    const database = await onPostgres();
    const redis = await openRedisServer();
    const simulator = await startSimulator({ dataDir: undefined, speed: 'quick' });
    const gate = await openGate(simulator.url);
    const proxy = await openProxy(database.env['DATABASE_URL'] ?? '');
    return new ClusterWorld({ database, redis, simulator, gate, proxy });
  }

  async start(env: Record<string, string> = {}): Promise<ServerProcess> {
    const process = await startProcess({
      ...this.database.env,
      DATABASE_URL: this.proxy.url,
      REDIS_URL: this.redis.url,
      FAL_MODE: 'live',
      FAL_KEY: this.simulator.key,
      FAL_BASE_URL: this.gate.url,
      FAL_SUBMITS_PER_MINUTE: '1000',
      ...env,
    });
    this.#processes.push(process);
    return process;
  }

  async close(): Promise<void> {
    for (const process of this.#processes) await process.end('SIGKILL');
    await this.gate.close();
    await this.simulator.close();
    await this.proxy.close();
    await this.redis.stop();
    await this.database.remove();
  }
}
