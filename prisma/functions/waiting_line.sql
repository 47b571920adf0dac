-- The jobs that wait for their turn, in the order of their turns; `ahead` counts the jobs before it.
--
-- The line is start-time fair queueing. It has a clock of its own, `turn`, which counts rounds. An owner who joins gets the
-- turn of now; each further job of theirs comes one round later, or 1/weight of a round; the lowest turn is served first. So
-- an owner with one job waits for at most one round of the others, however many jobs they have in the line, and an owner who
-- sends jobs one at a time gains nothing. Within an owner: generations before trainings, then the oldest first.
CREATE OR REPLACE FUNCTION waiting_line()
RETURNS TABLE ("id" UUID, "ownerId" UUID, turn FLOAT, next_turn FLOAT, ahead INTEGER) LANGUAGE sql STABLE AS $$
  SELECT "id", "ownerId", turn, turn + 1.0 / "weight", (row_number() OVER (ORDER BY turn, "id") - 1)::INTEGER
  FROM (
    SELECT job."id", job."ownerId", owner."weight", greatest(owner."turn", budget."turn")
      + (row_number() OVER (PARTITION BY job."ownerId" ORDER BY job."kind" DESC, job."id") - 1)::FLOAT / owner."weight" AS turn
    FROM "Job" job JOIN "User" owner ON owner."id" = job."ownerId" CROSS JOIN "FalBudget" budget
    WHERE job."status" = 'QUEUED' AND job."admittedAt" IS NULL
  ) waiting
$$;
