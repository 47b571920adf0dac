-- Constraint trigger at the commit of every "LedgerEntry": a movement is two entries of one owner, kind and job that sum to zero.
CREATE OR REPLACE FUNCTION "LedgerEntry_is_double"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM "LedgerEntry" WHERE "movementId" = NEW."movementId"
  HAVING count(*) = 2 AND sum("tenths") = 0 AND count(DISTINCT ("ownerId", "kind", "jobId")) = 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'movement % is not two entries of one owner that sum to zero', NEW."movementId"
      USING ERRCODE = 'check_violation', CONSTRAINT = 'LedgerEntry_is_double';
  END IF;
  RETURN NULL;
END $$;
