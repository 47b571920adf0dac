-- Appends events, `[{type, payload, logKey}, …]`, to a job's log after event number `last`, under the lock of the job's row.
-- Returns the number that each was given: 0 for a log line that the log already has.
CREATE OR REPLACE FUNCTION append_events(of_job UUID, last INTEGER, events JSONB) RETURNS INTEGER[] LANGUAGE plpgsql AS $$
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
