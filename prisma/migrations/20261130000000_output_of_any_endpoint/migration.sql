-- A trainer that this constraint does not name succeeds with either artefact, LoRA weights or a finetune: a new trainer needs
-- no migration. Every row that the constraint allowed before is allowed still.
ALTER TABLE "Job" DROP CONSTRAINT "Job_output_of_its_endpoint";
ALTER TABLE "Job" ADD CONSTRAINT "Job_output_of_its_endpoint" CHECK (
  "output" IS NULL OR CASE
    WHEN "endpoint" = 'fal-ai/flux-lora-portrait-trainer' THEN "output" #>> '{diffusers_lora_file,url}' IS NOT NULL
    WHEN "endpoint" = 'fal-ai/flux-pro-trainer' THEN "output" ->> 'finetune_id' IS NOT NULL
    WHEN "kind" = 'TRAINING' THEN "output" #>> '{diffusers_lora_file,url}' IS NOT NULL OR "output" ->> 'finetune_id' IS NOT NULL
    ELSE coalesce(("output" ->> 'images')::int, 0) BETWEEN 1 AND 4
  END
);
