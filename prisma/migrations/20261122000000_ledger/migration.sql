-- Users whom somebody else names.
ALTER TABLE "User" ADD COLUMN "realm" TEXT, ADD COLUMN "externalId" TEXT;
CREATE UNIQUE INDEX "User_realm_externalId_key" ON "User"("realm", "externalId");
ALTER TABLE "User" ADD CONSTRAINT "User_external_id_has_its_realm" CHECK (("realm" IS NULL) = ("externalId" IS NULL));

-- Credits. What an owner has is the sum of their entries; these columns are kept by a trigger, and never below zero.
ALTER TABLE "User"
  ADD COLUMN "balanceTenths" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "reservedTenths" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "dailyBudgetTenths" INTEGER,
  ADD COLUMN "spentOn" DATE,
  ADD COLUMN "spentTenths" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "User" ADD CONSTRAINT "User_owes_nothing" CHECK ("balanceTenths" >= 0 AND "reservedTenths" >= 0);
ALTER TABLE "User" ADD CONSTRAINT "User_budget_is_positive" CHECK ("dailyBudgetTenths" >= 0);

CREATE TYPE "LedgerAccount" AS ENUM ('AVAILABLE', 'RESERVED', 'EARNED', 'ISSUED');
CREATE TYPE "LedgerKind" AS ENUM ('GRANT', 'CORRECTION', 'RESERVATION', 'SETTLEMENT', 'RELEASE');
CREATE TABLE "LedgerEntry" (
  "id" UUID NOT NULL,
  "ownerId" UUID NOT NULL,
  "movementId" UUID NOT NULL,
  "kind" "LedgerKind" NOT NULL,
  "account" "LedgerAccount" NOT NULL,
  "tenths" INTEGER NOT NULL,
  "jobId" UUID,
  "reason" TEXT,
  "idempotencyKey" TEXT,
  "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "LedgerEntry_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "LedgerEntry_moves_something" CHECK ("tenths" <> 0),
  -- A job's movements name it; an admin's have a reason.
  CONSTRAINT "LedgerEntry_says_why" CHECK (
    CASE WHEN "kind" IN ('GRANT', 'CORRECTION') THEN "jobId" IS NULL AND "reason" IS NOT NULL
    ELSE "jobId" IS NOT NULL AND "reason" IS NULL END),
  CONSTRAINT "LedgerEntry_key_once" CHECK ("idempotencyKey" IS NULL OR "account" = 'AVAILABLE'),
  CONSTRAINT "LedgerEntry_flows_as_its_kind" CHECK (
    CASE "kind"
      WHEN 'GRANT' THEN "account" = CASE WHEN "tenths" > 0 THEN 'AVAILABLE' ELSE 'ISSUED' END::"LedgerAccount"
      WHEN 'CORRECTION' THEN "account" IN ('AVAILABLE', 'ISSUED')
      WHEN 'RESERVATION' THEN "account" = CASE WHEN "tenths" > 0 THEN 'RESERVED' ELSE 'AVAILABLE' END::"LedgerAccount"
      WHEN 'SETTLEMENT' THEN "account" = CASE WHEN "tenths" > 0 THEN 'EARNED' ELSE 'RESERVED' END::"LedgerAccount"
      WHEN 'RELEASE' THEN "account" = CASE WHEN "tenths" > 0 THEN 'AVAILABLE' ELSE 'RESERVED' END::"LedgerAccount"
    END)
);
CREATE UNIQUE INDEX "LedgerEntry_ownerId_idempotencyKey_key" ON "LedgerEntry"("ownerId", "idempotencyKey");
CREATE INDEX "LedgerEntry_ownerId_id_idx" ON "LedgerEntry"("ownerId", "id");
CREATE INDEX "LedgerEntry_movementId_idx" ON "LedgerEntry"("movementId");
CREATE INDEX "LedgerEntry_jobId_idx" ON "LedgerEntry"("jobId");
ALTER TABLE "LedgerEntry" ADD CONSTRAINT "LedgerEntry_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
-- A job is reserved for once, and settled or released at most once each.
CREATE UNIQUE INDEX "LedgerEntry_job_once" ON "LedgerEntry"("jobId", "kind", "account") WHERE "jobId" IS NOT NULL;

CREATE FUNCTION "LedgerEntry_keeps_balance"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."account" = 'AVAILABLE' THEN
    UPDATE "User" SET "balanceTenths" = "balanceTenths" + NEW."tenths" WHERE "id" = NEW."ownerId";
  ELSIF NEW."account" = 'RESERVED' THEN
    UPDATE "User" SET "reservedTenths" = "reservedTenths" + NEW."tenths" WHERE "id" = NEW."ownerId";
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "LedgerEntry_keeps_balance" AFTER INSERT ON "LedgerEntry"
  FOR EACH ROW EXECUTE FUNCTION "LedgerEntry_keeps_balance"();

CREATE FUNCTION "LedgerEntry_is_double"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM "LedgerEntry" WHERE "movementId" = NEW."movementId"
  HAVING count(*) = 2 AND sum("tenths") = 0 AND count(DISTINCT ("ownerId", "kind", "jobId")) = 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'movement % is not two entries of one owner that sum to zero', NEW."movementId"
      USING ERRCODE = 'check_violation', CONSTRAINT = 'LedgerEntry_is_double';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "LedgerEntry_is_double" AFTER INSERT ON "LedgerEntry"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "LedgerEntry_is_double"();

CREATE FUNCTION "LedgerEntry_is_final"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an entry of the ledger is never changed'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'LedgerEntry_is_final';
END $$;
CREATE TRIGGER "LedgerEntry_is_final" BEFORE UPDATE OR DELETE ON "LedgerEntry"
  FOR EACH ROW EXECUTE FUNCTION "LedgerEntry_is_final"();

-- What a job costs.
ALTER TABLE "Job"
  ADD COLUMN "units" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "priceTenths" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "paidTenths" INTEGER,
  ADD COLUMN "isMetered" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "Job" DISABLE TRIGGER USER;
UPDATE "Job" SET "paidTenths" = 0 WHERE "finishedAt" IS NOT NULL;
ALTER TABLE "Job" ENABLE TRIGGER USER;
ALTER TABLE "Job" ADD CONSTRAINT "Job_pays_for_what_it_delivered" CHECK (
  "units" >= 1 AND "priceTenths" >= 0 AND "priceTenths" % "units" = 0
  AND "paidTenths" BETWEEN 0 AND "priceTenths" AND ("paidTenths" = 0 OR "status" = 'SUCCEEDED'));
ALTER TABLE "Job" ADD CONSTRAINT "Job_paid_at_its_end" CHECK ("paidTenths" IS NULL OR "finishedAt" IS NOT NULL);
