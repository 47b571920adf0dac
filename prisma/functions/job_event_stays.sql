-- Trigger on every UPDATE of "JobEvent": the log is written once, and is deleted only with its job.
CREATE OR REPLACE FUNCTION job_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a job event is never changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'JobEvent_never_changes';
END $$;
