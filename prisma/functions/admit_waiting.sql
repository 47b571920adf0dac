-- Admits as many jobs of the line as fal has room for, and returns them in the order of their turns. With `only_job`, admits
-- that job if no other waits, and none else. `minute_start` is one minute before `at`.
--
-- Locks, in this order and until the transaction ends: the budget’s row, the owners, the jobs. Rows are read again after
-- each lock, so a job that was cancelled meanwhile is left out.
--
-- Servers of version 0.1 call admit_alone instead, which the migration 20261122050000 created and which stays for them.
CREATE OR REPLACE FUNCTION admit_waiting(
  at TIMESTAMPTZ, minute_start TIMESTAMPTZ, submits_per_minute INTEGER, jobs_at_once INTEGER, only_job UUID
) RETURNS TABLE ("id" UUID, "ownerId" UUID, "lastSequence" INTEGER) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  budget "FalBudget";
  at_fal INTEGER;
  unsent INTEGER;
  recent INTEGER;
  room INTEGER;
  ids UUID[];
  owners UUID[];
  turns FLOAT[];
  next_turns FLOAT[];
BEGIN
  SELECT * INTO budget FROM "FalBudget" WHERE "id" = 1 FOR UPDATE;
  IF budget."pausedUntil" > at THEN RETURN; END IF;
  IF only_job IS NOT NULL
    AND EXISTS (SELECT FROM "Job" WHERE "status" = 'QUEUED' AND "admittedAt" IS NULL AND "id" <> only_job) THEN RETURN; END IF;
  -- An admitted job that is not submitted yet will take one submit of this minute. fal has finished those in FINALIZING.
  SELECT count(*), count(*) FILTER (WHERE "submittingAt" IS NULL) INTO at_fal, unsent
    FROM "Job" WHERE "admittedAt" IS NOT NULL AND "finishedAt" IS NULL AND "status" <> 'FINALIZING';
  recent := (SELECT count(*) FROM unnest(budget."submits") s WHERE s > minute_start AND s <= at);
  room := least(jobs_at_once - at_fal, submits_per_minute - recent - unsent);
  IF room <= 0 THEN RETURN; END IF;

  SELECT array_agg(line."id" ORDER BY line.ahead), array_agg(line."ownerId" ORDER BY line.ahead),
      array_agg(line.turn ORDER BY line.ahead), array_agg(line.next_turn ORDER BY line.ahead)
    INTO ids, owners, turns, next_turns
    FROM (SELECT * FROM waiting_line() ORDER BY ahead LIMIT room) line;
  IF ids IS NULL THEN RETURN; END IF;
  PERFORM 1 FROM "User" WHERE "id" = ANY(owners) ORDER BY "id" FOR NO KEY UPDATE;
  RETURN QUERY
    WITH next AS (
      SELECT * FROM unnest(ids, turns, next_turns) WITH ORDINALITY AS next(job_id, turn, next_turn, ahead)
    ), admitted AS (
      UPDATE "Job" SET "admittedAt" = at, "queuePosition" = NULL
      FROM next WHERE "Job"."id" = next.job_id AND "Job"."status" = 'QUEUED' AND "Job"."admittedAt" IS NULL
      RETURNING "Job"."id", "Job"."ownerId", "Job"."lastSequence", next.turn, next.next_turn, next.ahead
    ), served AS (
      UPDATE "User" SET "turn" = owner.turn
      FROM (SELECT a."ownerId", max(a.next_turn) AS turn FROM admitted a GROUP BY a."ownerId") owner
      WHERE "User"."id" = owner."ownerId"
    ), moved AS (
      UPDATE "FalBudget" SET "turn" = (SELECT max(a.turn) FROM admitted a) WHERE "FalBudget"."id" = 1 AND EXISTS (SELECT FROM admitted)
    )
    SELECT a."id", a."ownerId", a."lastSequence" FROM admitted a ORDER BY a.ahead;
END $$;
