-- A webhook has said that fal is done: the result is asked for, also when no status can be read.
ALTER TABLE "Job" ADD COLUMN "noticedAt" TIMESTAMPTZ(3);
