/** Pure: how an avatar's trigger comes into a prompt. */

/**
 * The trigger before the prompt, unless the prompt already holds it as a whole word, in any case. A word ends where no
 * letter, mark, digit or underscore follows, in any script; a trigger of several words, or with signs in it, is taken
 * as it stands.
 */
export function withTrigger(prompt: string, trigger: string): string {
  const word = trigger.normalize('NFC').replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  const whole = new RegExp(String.raw`(?<![\p{L}\p{M}\p{N}_])${word}(?![\p{L}\p{M}\p{N}_])`, 'iu');
  return whole.test(prompt.normalize('NFC')) ? prompt : `${trigger} ${prompt}`;
}
