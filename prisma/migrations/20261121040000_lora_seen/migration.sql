-- When fal was last seen to have the LoRA, so that it is not asked before every picture.
ALTER TABLE "Avatar" ADD COLUMN "loraSeenAt" TIMESTAMPTZ(3);
