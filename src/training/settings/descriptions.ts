/** What each setting does, for the input that gives it and the output that shows it. */
export const descriptions = {
  steps: 'How many steps of training. More learn the face more closely, and take longer.',
  iterations: 'How many rounds of training. More learn the style more closely, and take longer.',
  learningRate: 'How far each step goes. Higher learns sooner and coarser.',
  multiresolutionTraining: 'Whether it learns from the photos in several sizes.',
  subjectCrop: 'Whether the photos are cropped to the person first.',
  createMasks: 'Whether only the person is learned and the background is masked.',
  mode: 'What is learned.',
  priority: 'What the trainer cares for most.',
  captioning: 'Whether fal describes the photos by itself before it trains.',
  loraRank: 'How much the model can hold.',
  finetuneType: 'Whether the whole model is trained, or a small addition to it.',
  triggerPhrase: 'What stands for the person in prompts. Null in a preset: the avatar’s own.',
  triggerWord: 'What stands for the style in prompts. Null in a preset: the avatar’s own.',
  comment: 'The name that the finetune has at fal.',
};
