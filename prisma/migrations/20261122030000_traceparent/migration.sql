-- Where the trace of a job begins: the span of the mutation that started it, which its steps are children of, whichever
-- process runs them.
ALTER TABLE "Job" ADD COLUMN "traceparent" TEXT;
-- https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, span, flags; ids of zeros are none.
ALTER TABLE "Job" ADD CONSTRAINT "Job_traceparent_is_one"
  CHECK ("traceparent" ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$');
-- What was earned is read for every scrape of /metrics: from this index alone.
CREATE INDEX "LedgerEntry_earned" ON "LedgerEntry" ("tenths") WHERE "account" = 'EARNED';
