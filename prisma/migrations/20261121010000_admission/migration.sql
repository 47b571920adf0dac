-- A job goes to fal when its turn comes; until then it waits here.
ALTER TABLE "Job" ADD COLUMN "admittedAt" TIMESTAMPTZ(3);
UPDATE "Job" SET "admittedAt" = "submittingAt" WHERE "submittingAt" IS NOT NULL;
ALTER TABLE "Job" ADD CONSTRAINT "Job_submitted_was_admitted" CHECK ("submittingAt" IS NULL OR "admittedAt" IS NOT NULL);
CREATE INDEX "Job_waiting" ON "Job" ("ownerId", "kind", "id") WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL;
CREATE INDEX "Job_admitted" ON "Job" ("admittedAt") WHERE "admittedAt" IS NOT NULL AND "finishedAt" IS NULL;

ALTER TABLE "User"
  ADD COLUMN "weight" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "turn" DOUBLE PRECISION NOT NULL DEFAULT 0,
  ADD CONSTRAINT "User_weight_counts" CHECK ("weight" BETWEEN 1 AND 1000);

CREATE TABLE "FalBudget" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "turn" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "submits" TIMESTAMPTZ(3)[] DEFAULT ARRAY[]::TIMESTAMPTZ(3)[],
    "pausedUntil" TIMESTAMPTZ(3),
    "readsSince" TIMESTAMPTZ(3),
    "reads" INTEGER NOT NULL DEFAULT 0,
    "toldAt" TIMESTAMPTZ(3),

    CONSTRAINT "FalBudget_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "FalBudget_is_one" CHECK ("id" = 1)
);
INSERT INTO "FalBudget" ("id") VALUES (1);
