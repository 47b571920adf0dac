-- What fal tells of a job is written a hundred times a second: as a function, whose statements each connection plans once.

-- Adds events, `[{type, payload, logKey}, …]`, to a job's log behind event number `last`, under the lock of the job's row.
-- Returns the number that each was given: 0 for a line of fal's that the log already has.
CREATE FUNCTION append_events(of_job UUID, last INTEGER, events JSONB) RETURNS INTEGER[] LANGUAGE plpgsql AS $$
DECLARE
  event RECORD;
  numbers INTEGER[] := '{}';
BEGIN
  FOR event IN SELECT * FROM jsonb_to_recordset(events) AS e("type" TEXT, "payload" JSONB, "logKey" TEXT) LOOP
    INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload", "logKey")
      VALUES (of_job, last + 1, event."type"::"JobEventType", event."payload", event."logKey")
      ON CONFLICT ("jobId", "logKey") WHERE "logKey" IS NOT NULL DO NOTHING;
    IF FOUND THEN
      last := last + 1;
      numbers := numbers || last;
    ELSE
      numbers := numbers || 0;
    END IF;
  END LOOP;
  RETURN numbers;
END $$;

-- Writes the columns that a step changes, and the events that tell of it, if the row is still in that state and has that
-- token; null stands for any. Returns the number of the newest event, what each event was given, and when it was written;
-- nothing when the row is another's by now. What is no column of the list is not written: job/columns.ts has the same.
CREATE FUNCTION write_job(of_job UUID, in_status "JobStatus", with_token UUID, changes JSONB, events JSONB)
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
