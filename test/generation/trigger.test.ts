import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withTrigger } from '../../src/generation/trigger.ts';

describe('withTrigger', () => {
  it.each([
    ['puts it before a prompt without it', 'a knight', 'TOK_ab12cd34', 'TOK_ab12cd34 a knight'],
    ['leaves a prompt that begins with it', 'TOK_ab12cd34 a knight', 'TOK_ab12cd34', 'TOK_ab12cd34 a knight'],
    ['leaves a prompt that ends with it', 'a knight, TOK_ab12cd34', 'TOK_ab12cd34', 'a knight, TOK_ab12cd34'],
    ['leaves a prompt that is nothing else', 'TOK', 'TOK', 'TOK'],
    ['finds it in any case', 'a Tok_AB12cd34 knight', 'TOK_ab12cd34', 'a Tok_AB12cd34 knight'],
    ['finds it between signs', '(TOK), in oil', 'TOK', '(TOK), in oil'],
    ['finds it before a hyphen', 'TOK-like', 'TOK', 'TOK-like'],
    ['does not take the beginning of a word for it', 'TOKYO at night', 'TOK', 'TOK TOKYO at night'],
    ['does not take the end of a word for it', 'a STOK', 'TOK', 'TOK a STOK'],
    ['does not take it with a digit for it', 'TOK2', 'TOK', 'TOK TOK2'],
    ['does not take it with an underscore for it', 'TOK_2', 'TOK', 'TOK TOK_2'],
    ['does not take it before an accented letter for it', 'toké', 'tok', 'tok toké'],
    ['does not take it before a combining mark for it', 'toke\u0301', 'toke', 'toke toke\u0301'],
    ['does not take the inside of a Cyrillic word for it', 'московский', 'моск', 'моск московский'],
    ['finds a Cyrillic word in any case', 'старая МОСКВА', 'Москва', 'старая МОСКВА'],
    ['finds it however its accents are written', 'caf\u00e9 at noon', 'cafe\u0301', 'caf\u00e9 at noon'],
    ['finds a phrase of several words', 'portrait of my dog Rex', 'my dog Rex', 'portrait of my dog Rex'],
    ['takes signs in it as they stand', 'a C++ book', 'c++', 'a C++ book'],
    ['takes a dot in it as a dot', 'axb', 'a.b', 'a.b axb'],
    ['takes brackets in it as they stand', 'see [ada]|(x) now', '[ada]|(x)', 'see [ada]|(x) now'],
    ['takes backslash, dollar and hyphen as they stand', String.raw`\d$1-2`, String.raw`\d$1-2`, String.raw`\d$1-2`],
    ['finds an emoji', 'a 🦊 in snow', '🦊', 'a 🦊 in snow'],
  ])('%s', (_does, prompt, trigger, expected) => {
    expect(withTrigger(prompt, trigger)).toBe(expected);
  });

  it('holds the trigger whatever it is, and adds it once', () => {
    const line = string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => text.trim() === text);
    assert(
      property(line, line, (prompt, trigger) => {
        const once = withTrigger(prompt, trigger);
        expect(once === prompt || once === `${trigger} ${prompt}`).toBe(true);
        expect(withTrigger(`of ${trigger} and more`, trigger)).toBe(`of ${trigger} and more`);
      }),
    );
  });
});
