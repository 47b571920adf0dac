import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/avatar/cursor.ts';
import { findingsOf } from '../../src/avatar/findings.ts';
import { createAvatarInput, defaultTrigger, importAvatarInput, renameAvatarInput } from '../../src/avatar/rules.ts';
import { urlForFal } from '../../src/fal/url.ts';
import { InvalidInputError, parseInput } from '../../src/refusal/invalid-input.ts';

describe('a name', () => {
  const emoji = '🧑🏽‍🎨';
  it.each([
    ['two characters', 'Jo', 'Jo'],
    ['fifty', 'a'.repeat(50), 'a'.repeat(50)],
    ['fifty emoji, twice as long in UTF-16', '🦊'.repeat(50), '🦊'.repeat(50)],
    ['trimmed', '  Ada Lovelace\t', 'Ada Lovelace'],
    ['in any script', 'Анна 愛', 'Анна 愛'],
    ['an emoji of several parts', emoji, emoji],
    ['quotes that are not "', "d'Arc “Jeanne”", "d'Arc “Jeanne”"],
  ])('may be %s', (_what, name, expected) => {
    expect(parseInput(renameAvatarInput, { name })).toEqual({ name: expected });
  });

  it.each([
    ['one character', 'a', 'A name has 2 to 50 characters.'],
    ['one character between blanks', '  a  ', 'A name has 2 to 50 characters.'],
    ['blank', '   ', 'A name has 2 to 50 characters.'],
    ['fifty-one', 'a'.repeat(51), 'A name has 2 to 50 characters.'],
    ['with a line break', 'a\nb', 'A name has no line breaks or other control characters.'],
    ['with a NUL, which PostgreSQL cannot store', 'a\0b', 'A name has no line breaks or other control characters.'],
    ['with half an emoji', 'ab\ud83e', 'A name has no line breaks or other control characters.'],
    ['with a line separator', 'a\u2028b', 'A name has no line breaks or other control characters.'],
  ])('is not %s', (_what, name, message) => {
    expect(() => parseInput(renameAvatarInput, { name })).toThrow(new InvalidInputError([{ path: 'name', message }]));
  });
});

describe('a name with a character that is not allowed in file names', () => {
  it.each(['<', '>', ':', '"', '/', '\\', '|', '?', '*'])('%s is rejected', (sign) => {
    const message = 'A name has none of the characters <>:"/\\|?*.';
    expect(() => parseInput(renameAvatarInput, { name: `a${sign}b` })).toThrow(
      new InvalidInputError([{ path: 'name', message }]),
    );
  });
});

describe('the input of createAvatar', () => {
  it('can omit the trigger or set it to null', () => {
    expect(createAvatarInput.parse({ portrait: { name: 'Ada' } }).portrait).toEqual({ name: 'Ada' });
    expect(createAvatarInput.parse({ style: { name: 'Ink', triggerWord: null } }).style?.triggerWord).toBeNull();
    expect(defaultTrigger('0a1b2c3d-0000-4000-8000-000000000000')).toBe('TOK_0a1b2c3d');
  });

  it.each([
    ['empty', '', 'A trigger has 1 to 100 characters.'],
    ['blank', ' ', 'A trigger has 1 to 100 characters.'],
    ['too long', 'x'.repeat(101), 'A trigger has 1 to 100 characters.'],
    ['of two lines', 'a\nb', 'A trigger has no line breaks or other control characters.'],
  ])('has no trigger that is %s', (_what, triggerPhrase, message) => {
    expect(() => parseInput(createAvatarInput, { portrait: { name: 'Ada', triggerPhrase } })).toThrow(
      new InvalidInputError([{ path: 'portrait.triggerPhrase', message }]),
    );
  });

  it('gets all errors at once, each with its path', () => {
    expect(() =>
      parseInput(importAvatarInput('LIVE'), { style: { name: '', finetuneId: ' ', triggerWord: '\t' } }),
    ).toThrow(
      new InvalidInputError([
        { path: 'style.name', message: 'A name has 2 to 50 characters.' },
        { path: 'style.finetuneId', message: 'A finetune id has 1 to 200 characters.' },
        { path: 'style.triggerWord', message: 'A trigger has 1 to 100 characters.' },
      ]),
    );
  });
});

describe('a URL that is sent to fal', () => {
  const isTaken = (mode: 'LIVE' | 'SIMULATED', url: string) => urlForFal(mode).safeParse(new URL(url)).success;

  it.each([
    ['LIVE', 'https://example.com/lora.safetensors', true],
    ['LIVE', 'http://example.com/lora.safetensors', false],
    ['LIVE', 'ftp://example.com/lora', false],
    ['LIVE', 'data:text/plain,lora', false],
    ['LIVE', 'https://user@example.com/lora', false],
    ['LIVE', 'https://:secret@example.com/lora', false],
    ['SIMULATED', 'http://127.0.0.1:4001/files/lora', true],
    ['SIMULATED', 'https://example.com/lora', true],
    ['SIMULATED', 'file:///etc/passwd', false],
  ] as const)('%s: %s is taken: %s', (mode, url, expected) => {
    expect(isTaken(mode, url)).toBe(expected);
  });

  it('is converted to a string', () => {
    expect(urlForFal('LIVE').parse(new URL('https://Example.com/a b'))).toBe('https://example.com/a%20b');
  });
});

describe('findingsOf', () => {
  const empty = {
    finetuneId: null,
    diffusersLoraFileUrl: null,
    configFileUrl: null,
    loraFileHash: null,
    configFileHash: null,
  };
  const lora = { ...empty, diffusersLoraFileUrl: 'https://v3.fal.media/lora' };
  const finetune = { ...empty, finetuneId: 'ft-1' };

  it.each([
    ['a portrait that is not ready', { ...empty, kind: 'PORTRAIT', status: 'DRAFT' }, []],
    ['a ready portrait', { ...lora, kind: 'PORTRAIT', status: 'READY' }, []],
    [
      'a ready portrait without its file',
      { ...empty, kind: 'PORTRAIT', status: 'READY' },
      ['PORTRAIT_LACKS_LORA_FILE'],
    ],
    [
      'a ready portrait with a blank file',
      { ...lora, diffusersLoraFileUrl: '', kind: 'PORTRAIT', status: 'READY' },
      ['PORTRAIT_LACKS_LORA_FILE'],
    ],
    [
      'a portrait with a finetune',
      { ...lora, finetuneId: 'ft-1', kind: 'PORTRAIT', status: 'READY' },
      ['PORTRAIT_HAS_FINETUNE_ID'],
    ],
    [
      'a portrait with a finetune only',
      { ...finetune, kind: 'PORTRAIT', status: 'READY' },
      ['PORTRAIT_HAS_FINETUNE_ID', 'PORTRAIT_LACKS_LORA_FILE'],
    ],
    ['a style that is not ready', { ...empty, kind: 'STYLE', status: 'FAILED' }, []],
    ['a ready style', { ...finetune, kind: 'STYLE', status: 'READY' }, []],
    ['a ready style without its finetune', { ...empty, kind: 'STYLE', status: 'READY' }, ['STYLE_LACKS_FINETUNE_ID']],
    [
      'a style with a LoRA file only',
      { ...lora, kind: 'STYLE', status: 'READY' },
      ['STYLE_HAS_LORA_FILE', 'STYLE_LACKS_FINETUNE_ID'],
    ],
    ...(['diffusersLoraFileUrl', 'configFileUrl', 'loraFileHash', 'configFileHash'] as const).map(
      (column) =>
        [
          `a style with ${column}`,
          { ...finetune, [column]: 'x', kind: 'STYLE', status: 'READY' },
          ['STYLE_HAS_LORA_FILE'],
        ] as const,
    ),
  ] as const)('of %s', (_what, avatar, codes) => {
    const findings = findingsOf(avatar);
    expect(findings.map(({ code }) => code)).toEqual(codes);
    expect(findings.every(({ severity, message }) => severity === 'ERROR' && message.endsWith('.'))).toBe(true);
  });
});

describe('a cursor', () => {
  const cursor = { createdAt: new Date('2026-01-02T03:04:05.678Z'), id: 'f3c1ac3c-1111-4222-8333-444455556666' };

  it('decodes to what was encoded', () => {
    expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
  });

  it.each([
    '',
    'x',
    Buffer.from('2026-01-02T03:04:05.678Z').toString('base64url'),
    Buffer.from(`yesterday ${cursor.id}`).toString('base64url'),
    Buffer.from('2026-01-02T03:04:05.678Z 1').toString('base64url'),
    Buffer.from(`${cursor.createdAt.toISOString()} ${cursor.id} more`).toString('base64url'),
  ])('%o is invalid', (cursor) => {
    expect(decodeCursor(cursor)).toBeUndefined();
  });
});
