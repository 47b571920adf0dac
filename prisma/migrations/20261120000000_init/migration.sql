-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "AvatarKind" AS ENUM ('PORTRAIT', 'STYLE');

-- CreateEnum
CREATE TYPE "AvatarStatus" AS ENUM ('DRAFT', 'TRAINING', 'READY', 'FAILED');

-- CreateEnum
CREATE TYPE "PhotoWarning" AS ENUM ('HUGE', 'ELONGATED', 'TINY_FILE', 'TOO_DARK', 'TOO_BRIGHT', 'LOW_CONTRAST');

-- CreateEnum
CREATE TYPE "JobKind" AS ENUM ('TRAINING', 'GENERATION');

-- CreateEnum
CREATE TYPE "JobStatus" AS ENUM ('QUEUED', 'IN_QUEUE', 'IN_PROGRESS', 'FINALIZING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "ProgressSource" AS ENUM ('MEASURED', 'ESTIMATED', 'UNKNOWN');

-- CreateEnum
CREATE TYPE "JobErrorCode" AS ENUM ('INVALID_INPUT', 'INVALID_FINETUNE_ID', 'CONTENT_BLOCKED', 'RATE_LIMITED', 'FAL_BALANCE_EXHAUSTED', 'FAL_UNAUTHORIZED', 'ENDPOINT_RETIRED', 'DATASET_REJECTED', 'TIMED_OUT', 'RESULT_LOST', 'SUBMIT_UNCONFIRMED', 'FAL_UNAVAILABLE', 'INTERNAL');

-- CreateEnum
CREATE TYPE "GenerationPreset" AS ENUM ('FAST', 'BALANCED', 'QUALITY', 'ULTRA', 'PORTRAIT', 'LANDSCAPE', 'ARTISTIC', 'PHOTOREALISTIC');

-- CreateEnum
CREATE TYPE "TrainingPreset" AS ENUM ('FAST', 'BALANCED', 'QUALITY');

-- CreateEnum
CREATE TYPE "JobEventType" AS ENUM ('QUEUED', 'SUBMITTED', 'QUEUE_MOVED', 'STARTED', 'LOGGED', 'PROGRESSED', 'FINALIZING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

-- CreateTable
CREATE TABLE "User" (
    "id" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Avatar" (
    "id" UUID NOT NULL,
    "ownerId" UUID NOT NULL,
    "kind" "AvatarKind" NOT NULL,
    "name" VARCHAR(50) NOT NULL,
    "status" "AvatarStatus" NOT NULL DEFAULT 'DRAFT',
    "isDefault" BOOLEAN NOT NULL DEFAULT false,
    "triggerPhrase" TEXT,
    "triggerWord" TEXT,
    "finetuneId" TEXT,
    "diffusersLoraFileUrl" TEXT,
    "configFileUrl" TEXT,
    "loraFileHash" CHAR(64),
    "configFileHash" CHAR(64),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Avatar_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Photo" (
    "id" UUID NOT NULL,
    "ownerId" UUID NOT NULL,
    "avatarId" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "fileHash" CHAR(64) NOT NULL,
    "fileName" TEXT NOT NULL,
    "mimeType" TEXT NOT NULL,
    "byteSize" INTEGER NOT NULL,
    "width" INTEGER NOT NULL,
    "height" INTEGER NOT NULL,
    "warnings" "PhotoWarning"[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Photo_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Job" (
    "id" UUID NOT NULL,
    "ownerId" UUID NOT NULL,
    "avatarId" UUID NOT NULL,
    "kind" "JobKind" NOT NULL,
    "status" "JobStatus" NOT NULL DEFAULT 'QUEUED',
    "endpoint" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "output" JSONB,
    "lastSequence" INTEGER NOT NULL DEFAULT 0,
    "requestId" TEXT,
    "falUrls" JSONB,
    "queuePosition" INTEGER,
    "percent" INTEGER,
    "step" INTEGER,
    "totalSteps" INTEGER,
    "progressSource" "ProgressSource" NOT NULL DEFAULT 'UNKNOWN',
    "errorCode" "JobErrorCode",
    "errorMessage" TEXT,
    "errorField" TEXT,
    "correlationToken" UUID,
    "submittingAt" TIMESTAMPTZ(3),
    "submittedAt" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),
    "deadlineAt" TIMESTAMPTZ(3),
    "cancelRequestedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attemptToken" UUID,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "idempotencyKey" TEXT,
    "idempotencyHash" CHAR(64),
    "retryOfId" UUID,
    "prompt" TEXT,
    "finalPrompt" TEXT,
    "generationPreset" "GenerationPreset",
    "seed" TEXT,
    "trainingPreset" "TrainingPreset",
    "photoCount" INTEGER,
    "datasetUrl" TEXT,

    CONSTRAINT "Job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "JobEvent" (
    "jobId" UUID NOT NULL,
    "sequence" INTEGER NOT NULL,
    "type" "JobEventType" NOT NULL,
    "occurredAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "payload" JSONB NOT NULL,
    "logKey" CHAR(64),

    CONSTRAINT "JobEvent_pkey" PRIMARY KEY ("jobId","sequence")
);

-- CreateTable
CREATE TABLE "GeneratedImage" (
    "id" UUID NOT NULL,
    "ownerId" UUID NOT NULL,
    "generationId" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "fileHash" CHAR(64) NOT NULL,
    "contentType" TEXT NOT NULL,
    "width" INTEGER NOT NULL,
    "height" INTEGER NOT NULL,
    "byteSize" INTEGER NOT NULL,
    "blurhash" TEXT NOT NULL,
    "hasNsfwConcepts" BOOLEAN NOT NULL,
    "isFavorite" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "GeneratedImage_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "StoredFile" (
    "hash" CHAR(64) NOT NULL,
    "byteSize" BIGINT NOT NULL,
    "contentType" TEXT NOT NULL,
    "putAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "StoredFile_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "Secret" (
    "name" TEXT NOT NULL,
    "value" BYTEA NOT NULL,

    CONSTRAINT "Secret_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "Avatar_ownerId_createdAt_id_idx" ON "Avatar"("ownerId", "createdAt", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Avatar_id_ownerId_key" ON "Avatar"("id", "ownerId");

-- CreateIndex
CREATE UNIQUE INDEX "Avatar_id_kind_key" ON "Avatar"("id", "kind");

-- CreateIndex
CREATE INDEX "Photo_fileHash_idx" ON "Photo"("fileHash");

-- CreateIndex
CREATE UNIQUE INDEX "Photo_avatarId_fileHash_key" ON "Photo"("avatarId", "fileHash");

-- CreateIndex
CREATE UNIQUE INDEX "Photo_avatarId_position_key" ON "Photo"("avatarId", "position");

-- CreateIndex
CREATE UNIQUE INDEX "Job_correlationToken_key" ON "Job"("correlationToken");

-- CreateIndex
CREATE INDEX "Job_ownerId_id_idx" ON "Job"("ownerId", "id");

-- CreateIndex
CREATE INDEX "Job_ownerId_kind_id_idx" ON "Job"("ownerId", "kind", "id");

-- CreateIndex
CREATE INDEX "Job_avatarId_kind_id_idx" ON "Job"("avatarId", "kind", "id");

-- CreateIndex
CREATE INDEX "Job_endpoint_finishedAt_idx" ON "Job"("endpoint", "finishedAt");

-- CreateIndex
CREATE INDEX "Job_retryOfId_idx" ON "Job"("retryOfId");

-- CreateIndex
CREATE UNIQUE INDEX "Job_id_kind_key" ON "Job"("id", "kind");

-- CreateIndex
CREATE UNIQUE INDEX "Job_id_ownerId_key" ON "Job"("id", "ownerId");

-- CreateIndex
CREATE UNIQUE INDEX "Job_ownerId_idempotencyKey_key" ON "Job"("ownerId", "idempotencyKey");

-- CreateIndex
CREATE INDEX "GeneratedImage_ownerId_id_idx" ON "GeneratedImage"("ownerId", "id");

-- CreateIndex
CREATE INDEX "GeneratedImage_fileHash_idx" ON "GeneratedImage"("fileHash");

-- CreateIndex
CREATE UNIQUE INDEX "GeneratedImage_generationId_position_key" ON "GeneratedImage"("generationId", "position");

-- AddForeignKey
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_loraFileHash_fkey" FOREIGN KEY ("loraFileHash") REFERENCES "StoredFile"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_configFileHash_fkey" FOREIGN KEY ("configFileHash") REFERENCES "StoredFile"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Photo" ADD CONSTRAINT "Photo_avatarId_ownerId_fkey" FOREIGN KEY ("avatarId", "ownerId") REFERENCES "Avatar"("id", "ownerId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Photo" ADD CONSTRAINT "Photo_fileHash_fkey" FOREIGN KEY ("fileHash") REFERENCES "StoredFile"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Job" ADD CONSTRAINT "Job_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Job" ADD CONSTRAINT "Job_avatarId_ownerId_fkey" FOREIGN KEY ("avatarId", "ownerId") REFERENCES "Avatar"("id", "ownerId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Job" ADD CONSTRAINT "Job_retryOfId_fkey" FOREIGN KEY ("retryOfId") REFERENCES "Job"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "JobEvent" ADD CONSTRAINT "JobEvent_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GeneratedImage" ADD CONSTRAINT "GeneratedImage_generationId_ownerId_fkey" FOREIGN KEY ("generationId", "ownerId") REFERENCES "Job"("id", "ownerId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GeneratedImage" ADD CONSTRAINT "GeneratedImage_fileHash_fkey" FOREIGN KEY ("fileHash") REFERENCES "StoredFile"("hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The strict rules, which Prisma's schema cannot write down.

-- A portrait is drawn from its LoRA file and never from a finetune; a style the other way round.
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_portrait_has_no_finetune" CHECK ("kind" <> 'PORTRAIT' OR "finetuneId" IS NULL);
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_style_has_no_lora" CHECK (
  "kind" <> 'STYLE' OR ("diffusersLoraFileUrl" IS NULL AND "configFileUrl" IS NULL AND "loraFileHash" IS NULL AND "configFileHash" IS NULL)
);
-- The model is set exactly when the avatar is READY.
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_ready_has_its_model" CHECK (
  ("status" = 'READY') = (CASE "kind" WHEN 'PORTRAIT' THEN "diffusersLoraFileUrl" ELSE "finetuneId" END IS NOT NULL)
);
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_has_its_trigger" CHECK (
  coalesce(CASE "kind" WHEN 'PORTRAIT' THEN coalesce("triggerPhrase", "triggerWord") ELSE "triggerWord" END, '') ~ '\S'
);
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_name_is_clean" CHECK (
  char_length("name") BETWEEN 2 AND 50 AND "name" = btrim("name") AND "name" !~ '[<>:"/\\|?*]'
);
ALTER TABLE "Avatar" ADD CONSTRAINT "Avatar_deleted_is_not_default" CHECK ("deletedAt" IS NULL OR NOT "isDefault");
CREATE UNIQUE INDEX "Avatar_one_default_per_owner" ON "Avatar" ("ownerId") WHERE "isDefault";

ALTER TABLE "Photo" ADD CONSTRAINT "Photo_measures" CHECK ("byteSize" > 0 AND "width" > 0 AND "height" > 0 AND "position" > 0);
ALTER TABLE "GeneratedImage" ADD CONSTRAINT "GeneratedImage_measures" CHECK ("byteSize" > 0 AND "width" > 0 AND "height" > 0 AND "position" BETWEEN 0 AND 3);

-- A job's columns agree with its kind and its state.
ALTER TABLE "Job" ADD CONSTRAINT "Job_columns_of_its_kind" CHECK (
  CASE "kind"
    WHEN 'GENERATION' THEN "prompt" IS NOT NULL AND "finalPrompt" IS NOT NULL AND "photoCount" IS NULL AND "trainingPreset" IS NULL AND "datasetUrl" IS NULL
    ELSE "prompt" IS NULL AND "finalPrompt" IS NULL AND "generationPreset" IS NULL AND "seed" IS NULL AND "photoCount" IS NOT NULL
  END
);
ALTER TABLE "Job" ADD CONSTRAINT "Job_queued_is_not_at_fal" CHECK ("status" <> 'QUEUED' OR "requestId" IS NULL);
ALTER TABLE "Job" ADD CONSTRAINT "Job_at_fal_has_its_request" CHECK (
  "status" NOT IN ('IN_QUEUE', 'IN_PROGRESS', 'FINALIZING', 'SUCCEEDED') OR ("requestId" IS NOT NULL AND "submittedAt" IS NOT NULL)
);
ALTER TABLE "Job" ADD CONSTRAINT "Job_request_was_intended" CHECK (("requestId" IS NULL OR "submittingAt" IS NOT NULL) AND ("submittingAt" IS NULL) = ("correlationToken" IS NULL));
ALTER TABLE "Job" ADD CONSTRAINT "Job_position_only_when_waiting" CHECK ("queuePosition" IS NULL OR ("queuePosition" >= 0 AND "status" IN ('QUEUED', 'IN_QUEUE')));
-- A training succeeds with its artefact, a generation with its pictures.
ALTER TABLE "Job" ADD CONSTRAINT "Job_succeeded_has_its_output" CHECK (("status" = 'SUCCEEDED') = ("output" IS NOT NULL));
ALTER TABLE "Job" ADD CONSTRAINT "Job_output_of_its_endpoint" CHECK (
  "output" IS NULL OR CASE "endpoint"
    WHEN 'fal-ai/flux-lora-portrait-trainer' THEN "output" #>> '{diffusers_lora_file,url}' IS NOT NULL
    WHEN 'fal-ai/flux-pro-trainer' THEN "output" ->> 'finetune_id' IS NOT NULL
    ELSE coalesce(("output" ->> 'images')::int, 0) BETWEEN 1 AND 4
  END
);
ALTER TABLE "Job" ADD CONSTRAINT "Job_failed_has_its_error" CHECK (
  ("status" = 'FAILED') = ("errorCode" IS NOT NULL) AND ("errorCode" IS NULL) = ("errorMessage" IS NULL) AND ("errorField" IS NULL OR "errorCode" IS NOT NULL)
);
ALTER TABLE "Job" ADD CONSTRAINT "Job_ended_has_its_time" CHECK (("status" IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = ("finishedAt" IS NOT NULL));
ALTER TABLE "Job" ADD CONSTRAINT "Job_percent_is_honest" CHECK ("percent" IS NULL OR ("percent" BETWEEN 0 AND 100 AND ("percent" = 100) = ("status" = 'SUCCEEDED')));
ALTER TABLE "Job" ADD CONSTRAINT "Job_idempotency_is_whole" CHECK (("idempotencyKey" IS NULL) = ("idempotencyHash" IS NULL));
ALTER TABLE "Job" ADD CONSTRAINT "Job_sequence_counts" CHECK ("lastSequence" >= 0 AND "failures" >= 0);
CREATE UNIQUE INDEX "Job_one_active_training_per_avatar" ON "Job" ("avatarId") WHERE "kind" = 'TRAINING' AND "status" NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED');
CREATE INDEX "Job_unfinished" ON "Job" ("createdAt") WHERE "status" NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED');

-- A job moves along these edges only, and once ended never again.
CREATE FUNCTION job_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."status" <> OLD."status" AND NOT (
    (OLD."status" = 'QUEUED' AND NEW."status" IN ('IN_QUEUE', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'IN_QUEUE' AND NEW."status" IN ('IN_PROGRESS', 'FINALIZING', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'IN_PROGRESS' AND NEW."status" IN ('IN_QUEUE', 'FINALIZING', 'FAILED', 'CANCELLED')) OR
    (OLD."status" = 'FINALIZING' AND NEW."status" IN ('SUCCEEDED', 'FAILED', 'CANCELLED'))
  ) THEN
    RAISE EXCEPTION 'a job does not move from % to %', OLD."status", NEW."status" USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_moves_forward';
  END IF;
  IF OLD."requestId" IS NOT NULL AND NEW."requestId" IS DISTINCT FROM OLD."requestId" THEN
    RAISE EXCEPTION 'a job keeps its request' USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_keeps_its_request';
  END IF;
  IF NEW."percent" < OLD."percent" OR (NEW."percent" IS NULL AND OLD."percent" IS NOT NULL) THEN
    RAISE EXCEPTION 'progress does not decrease' USING ERRCODE = 'check_violation', CONSTRAINT = 'Job_percent_never_decreases';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "Job_moves" BEFORE UPDATE ON "Job" FOR EACH ROW EXECUTE FUNCTION job_moves();

-- The log is written once; it goes only with its job.
ALTER TABLE "JobEvent" ADD CONSTRAINT "JobEvent_counts_from_one" CHECK ("sequence" >= 1);
CREATE UNIQUE INDEX "JobEvent_one_terminal" ON "JobEvent" ("jobId") WHERE "type" IN ('SUCCEEDED', 'FAILED', 'CANCELLED');
CREATE UNIQUE INDEX "JobEvent_log_once" ON "JobEvent" ("jobId", "logKey") WHERE "logKey" IS NOT NULL;
CREATE FUNCTION job_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a job event is never changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'JobEvent_never_changes';
END $$;
CREATE TRIGGER "JobEvent_stays" BEFORE UPDATE ON "JobEvent" FOR EACH ROW EXECUTE FUNCTION job_event_stays();
