-- Gives a job its turn if no other waits and fal has room, as job/admission.ts does for many: under the lock of the
-- budget's row, then the owner's, then the job's. Each statement sees what was committed before its lock was had.
CREATE FUNCTION admit_alone(of_job UUID, at TIMESTAMPTZ, submits_per_minute INTEGER, jobs_at_once INTEGER)
RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE
  budget "FalBudget";
  its_owner "User";
  its_turn FLOAT;
  at_fal INTEGER;
  unsent INTEGER;
  recent INTEGER;
BEGIN
  SELECT * INTO budget FROM "FalBudget" WHERE "id" = 1 FOR UPDATE;
  IF budget."pausedUntil" > at
    OR EXISTS (SELECT FROM "Job" WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL AND "id" <> of_job) THEN
    RETURN false;
  END IF;
  SELECT count(*), count(*) FILTER (WHERE "submittingAt" IS NULL) INTO at_fal, unsent
    FROM "Job" WHERE "admittedAt" IS NOT NULL AND "finishedAt" IS NULL AND "status" <> 'FINALIZING';
  recent := (SELECT count(*) FROM unnest(budget."submits") s WHERE s > at - interval '1 minute' AND s <= at);
  IF at_fal >= jobs_at_once OR recent + unsent >= submits_per_minute THEN
    RETURN false;
  END IF;
  SELECT owner.* INTO its_owner FROM "User" owner JOIN "Job" job ON job."ownerId" = owner."id" WHERE job."id" = of_job
    FOR NO KEY UPDATE OF owner;
  UPDATE "Job" SET "admittedAt" = at, "queuePosition" = NULL
    WHERE "id" = of_job AND "status" = 'QUEUED' AND "admittedAt" IS NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  its_turn := greatest(its_owner."turn", budget."turn");
  UPDATE "User" SET "turn" = its_turn + 1.0 / its_owner."weight" WHERE "id" = its_owner."id";
  UPDATE "FalBudget" SET "turn" = its_turn WHERE "id" = 1;
  RETURN true;
END $$;
