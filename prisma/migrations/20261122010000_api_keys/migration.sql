-- Keys that servers and bots call with. Only their hash is kept.
CREATE TYPE "ApiScope" AS ENUM ('READ', 'WRITE', 'ADMIN', 'ACT_AS');
CREATE TABLE "ApiKey" (
  "id" UUID NOT NULL,
  "ownerId" UUID NOT NULL,
  "name" VARCHAR(100) NOT NULL,
  "hash" CHAR(64) NOT NULL,
  "hint" VARCHAR(8) NOT NULL,
  "scopes" "ApiScope"[] NOT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "expiresAt" TIMESTAMPTZ(3),
  "revokedAt" TIMESTAMPTZ(3),
  "lastUsedAt" TIMESTAMPTZ(3),
  CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "ApiKey_may_something" CHECK (cardinality("scopes") BETWEEN 1 AND 4),
  CONSTRAINT "ApiKey_is_a_hash" CHECK ("hash" ~ '^[0-9a-f]{64}$'),
  CONSTRAINT "ApiKey_has_a_name" CHECK (length(btrim("name")) > 0)
);
CREATE UNIQUE INDEX "ApiKey_hash_key" ON "ApiKey"("hash");
CREATE INDEX "ApiKey_ownerId_id_idx" ON "ApiKey"("ownerId", "id");
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
