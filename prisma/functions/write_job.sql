-- Writes the columns that a step changes and the events that report the change, if the row still has this status and token;
-- null stands for any. Returns the number of the newest event, the number of each event, and when they were written; no row
-- when another step has the job by now. A column that is not in the list is not written: src/job/columns.ts has the same list.
-- A function, because a step that follows fal calls it a hundred times a second, and each connection plans it once.
CREATE OR REPLACE FUNCTION write_job(of_job UUID, in_status "JobStatus", with_token UUID, changes JSONB, events JSONB)
RETURNS TABLE (last INTEGER, numbers INTEGER[], written_at TIMESTAMPTZ) LANGUAGE plpgsql AS $$
DECLARE
  held "Job";
BEGIN
  SELECT * INTO held FROM "Job"
    WHERE "id" = of_job AND (in_status IS NULL OR "status" = in_status) AND (with_token IS NULL OR "attemptToken" = with_token)
    FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  numbers := append_events(of_job, held."lastSequence", events);
  last := greatest(held."lastSequence", (SELECT max(n) FROM unnest(numbers) n));
  held := jsonb_populate_record(held, changes);
  UPDATE "Job" SET
    "lastSequence" = last, "status" = held."status", "input" = held."input", "output" = held."output",
    "requestId" = held."requestId", "falUrls" = held."falUrls", "queuePosition" = held."queuePosition",
    "percent" = held."percent", "step" = held."step", "totalSteps" = held."totalSteps", "progressSource" = held."progressSource",
    "errorCode" = held."errorCode", "errorMessage" = held."errorMessage", "errorField" = held."errorField",
    "correlationToken" = held."correlationToken", "submittingAt" = held."submittingAt", "submittedAt" = held."submittedAt",
    "startedAt" = held."startedAt", "finishedAt" = held."finishedAt", "deadlineAt" = held."deadlineAt",
    "noticedAt" = held."noticedAt", "cancelRequestedAt" = held."cancelRequestedAt", "failures" = held."failures",
    "paidTenths" = held."paidTenths", "seed" = held."seed", "datasetUrl" = held."datasetUrl"
  WHERE "id" = of_job;
  -- As the column has it: a result of a function has no precision of its own.
  written_at := now()::TIMESTAMPTZ(3);
  RETURN NEXT;
END $$;
