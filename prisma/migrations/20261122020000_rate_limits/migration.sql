-- How much callers have taken in the present minute; rate-limiter-flexible's own columns, in its order. Not worth a sync:
-- a crash forgets a minute.
CREATE UNLOGGED TABLE "RateLimit" (
  "key" VARCHAR(255) NOT NULL,
  "points" INTEGER NOT NULL DEFAULT 0,
  "expire" BIGINT,
  CONSTRAINT "RateLimit_pkey" PRIMARY KEY ("key")
);
