-- Trigger after every INSERT into "LedgerEntry": keeps the owner's two balances equal to the sum of their entries.
CREATE OR REPLACE FUNCTION "LedgerEntry_keeps_balance"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."account" = 'AVAILABLE' THEN
    UPDATE "User" SET "balanceTenths" = "balanceTenths" + NEW."tenths" WHERE "id" = NEW."ownerId";
  ELSIF NEW."account" = 'RESERVED' THEN
    UPDATE "User" SET "reservedTenths" = "reservedTenths" + NEW."tenths" WHERE "id" = NEW."ownerId";
  END IF;
  RETURN NULL;
END $$;
