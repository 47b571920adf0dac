-- fal said of a submit that it does not serve its endpoint: remembered for a while, so that no job is started in vain.
CREATE TABLE "RetiredEndpoint" (
    "endpoint" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "askAgainAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RetiredEndpoint_pkey" PRIMARY KEY ("endpoint")
);
