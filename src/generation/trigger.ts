/** Pure: puts an avatar's trigger into a prompt. */

/**
 * Puts the trigger before the prompt, unless the prompt already contains it as a whole word, ignoring case. A word ends
 * where no letter, mark, digit or underscore of any script follows. A trigger may have several words and punctuation.
 */
export function withTrigger(prompt: string, trigger: string): string {
  const word = trigger.normalize('NFC').replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  const whole = new RegExp(String.raw`(?<![\p{L}\p{M}\p{N}_])${word}(?![\p{L}\p{M}\p{N}_])`, 'iu');
  return whole.test(prompt.normalize('NFC')) ? prompt : `${trigger} ${prompt}`;
}
