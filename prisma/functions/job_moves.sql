-- Trigger on every UPDATE of "Job": a job follows these edges only, and once it has ended it never moves again; its request
-- stays its request, and its percentage never decreases. src/job/state.ts holds the same edges, and a test compares the two.
CREATE OR REPLACE FUNCTION job_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."status" <> OLD."status" AND NOT (
    (OLD."status" = 'QUEUED' AND NEW."status" IN ('IN_QUEUE', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'IN_QUEUE' AND NEW."status" IN ('IN_PROGRESS', 'FINALIZING', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'IN_PROGRESS' AND NEW."status" IN ('IN_QUEUE', 'FINALIZING', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'FINALIZING' AND NEW."status" IN ('SUCCEEDED', 'FAILED', 'CANCELLED'))
  ) THEN
    RAISE EXCEPTION 'a job does not move from % to %', OLD."status", NEW."status" USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_moves_forward';
  END IF;
  IF OLD."requestId" IS NOT NULL AND NEW."requestId" IS DISTINCT FROM OLD."requestId" THEN
    RAISE EXCEPTION 'a job keeps its request' USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_keeps_its_request';
  END IF;
  IF NEW."percent" < OLD."percent" OR (NEW."percent" IS NULL AND OLD."percent" IS NOT NULL) THEN
    RAISE EXCEPTION 'progress does not decrease' USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_percent_never_decreases';
  END IF;
  RETURN NEW;
END $$;
