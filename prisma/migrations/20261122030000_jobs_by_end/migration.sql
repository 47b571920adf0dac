-- An owner's jobs that are under way or have ended lately, however many others they have.
CREATE INDEX "Job_ownerId_finishedAt_idx" ON "Job"("ownerId", "finishedAt");
