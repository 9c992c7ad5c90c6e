import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../src/domain/strict_json.ts';

const parse = (text: string | number[]) => parseStrictJson(typeof text === 'string' ? Buffer.from(text) : Buffer.from(text));

describe('strict JSON', () => {
  it.each(['{}', '[]', '"a"', ' {"a": [1, -2.5e3, true, null, "\\u00e9\\ud83d\\ude00\\"]}"]} ', '{"a":{"b":1},"c":{"b":2}}'])(
    'reads %s',
    (text) => {
      expect(parse(text)).toEqual(JSON.parse(text));
    },
  );

  // N3, N5, H26
  it.each<[string, string | number[]]>([
    ['nothing', ''],
    ['a trailing comma', '{"a":1,}'],
    ['a byte order mark', '\ufeff{}'],
    ['invalid UTF-8', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an escaped lone surrogate', '"\\ud800"'],
    ['an escaped lone surrogate in a key', '{"\\ud800":1}'],
    ['NUL', '"\\u0000"'],
    ['a number out of range', '[1e309]'],
    ['NaN', 'NaN'],
    ['a key twice', '{"a":1,"a":2}'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['__proto__', '{"__proto__":{"is_admin":true}}'],
    ['__proto__ escaped', '{"\\u005f_proto__":1}'],
    ['constructor', '{"constructor":{"prototype":{}}}'],
    ['depth 33', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['depth 10,000', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ])('refuses %s', (_story, text) => {
    expect(() => parse(text)).toThrow(SyntaxError);
    expect(({} as Record<string, unknown>).is_admin).toBeUndefined();
  });

  // N11
  it.each([
    `"${'a'.repeat(64_000)}"`,
    `"${'\\\\'.repeat(32_000)}"`,
    `"${'\\"'.repeat(32_000)}`,
    '['.repeat(64_000),
    `{"a"${' '.repeat(64_000)}`,
  ])('is quick about 64 kB of anything', (text) => {
    const started = performance.now();
    try {
      parse(text);
    } catch {}
    expect(performance.now() - started).toBeLessThan(50);
  });
});
