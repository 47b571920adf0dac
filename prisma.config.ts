// Where the Prisma CLI finds the schema. `prisma generate` needs no schema engine, but tries to download one and fails
// where only the package registry is reachable; naming any existing binary keeps it from trying.
// https://github.com/prisma/prisma/issues/28611 is the class of failure this avoids.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default { schema: 'prisma/schema.prisma' };
