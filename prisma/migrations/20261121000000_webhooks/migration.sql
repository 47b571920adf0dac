-- A request at fal is one job's: a webhook that is sent to another job's URL brings nothing about.
CREATE UNIQUE INDEX "Job_requestId_key" ON "Job"("requestId");

CREATE TABLE "FalAccount" (
    "keyHash" CHAR(64) NOT NULL,
    "userId" TEXT NOT NULL,
    "learnedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "FalAccount_pkey" PRIMARY KEY ("keyHash")
);
