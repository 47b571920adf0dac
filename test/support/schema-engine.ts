/**
 * Prisma's schema engine as WebAssembly, over an empty PGlite: compares schema.prisma with the migrations where the
 * CLI's own engine, a download, is not to be had. Run alone, it prints the SQL of a whole new database.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { pgliteAdapter } from '../../src/database/pglite-adapter.ts';

const require = createRequire(import.meta.url);
const schemaPath = join(import.meta.dirname, '../../prisma/schema.prisma');

/** Node's, which its types leave to the DOM's. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

type Target = { tag: 'empty' } | { tag: 'schemaDatamodel'; files: { path: string; content: string }[] };
type Engine = {
  diff(params: object): Promise<{ stdout: string | null }>;
  introspect(params: object): Promise<{ schema: { files: { path: string; content: string }[] } }>;
};

export const datamodel = (content = readFileSync(schemaPath, 'utf8')): Target => ({
  tag: 'schemaDatamodel',
  files: [{ path: 'schema.prisma', content }],
});

export async function startEngine(pglite: PGlite): Promise<Engine> {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = readFileSync(join(require.resolve('@prisma/schema-engine-wasm'), '../schema_engine_bg.wasm'));
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: () => undefined } });
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': bindings });
  (bindings as unknown as { __wbg_set_wasm(exports: unknown): void }).__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  const factory = pgliteAdapter(pglite);
  const migrationAware = bindMigrationAwareSqlAdapterFactory({ ...factory, connectToShadowDb: factory.connect });
  return await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, migrationAware);
}

/** The SQL that leads from one schema to the other; a comment only when they agree. */
export async function diff(engine: Engine, from: Target, to: Target): Promise<string> {
  const filters = { externalTables: [], externalEnums: [] };
  const { stdout } = await engine.diff({ from, to, script: true, exitCode: null, shadowDatabaseUrl: null, filters });
  return stdout ?? '';
}

if (process.argv[1] === import.meta.filename) {
  const pglite = new PGlite();
  process.stdout.write(await diff(await startEngine(pglite), { tag: 'empty' }, datamodel()));
  await pglite.close();
}
