-- Trigger on every UPDATE and DELETE of "LedgerEntry": an entry of the ledger is never changed or removed.
CREATE OR REPLACE FUNCTION "LedgerEntry_is_final"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an entry of the ledger is never changed'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'LedgerEntry_is_final';
END $$;
