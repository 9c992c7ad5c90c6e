import { describe, expect, it } from 'vitest';
import { memoize } from '../../src/domain/memoize.ts';

function counted() {
  const asked: string[] = [];
  const length = memoize((text) => {
    asked.push(text);
    return text === '' ? null : text.length;
  });
  return { asked, length };
}

describe('a memoized function', () => {
  it('computes each answer once, null included', () => {
    const { asked, length } = counted();
    expect([length('a'), length('bc'), length('a'), length(''), length('')]).toEqual([1, 2, 1, null, null]);
    expect(asked).toEqual(['a', 'bc', '']);
  });

  it('caches no long text', () => {
    const { asked, length } = counted();
    const [long, longest] = ['x'.repeat(1_001), 'x'.repeat(1_000)];
    expect([long, long, longest, longest].map(length)).toEqual([1_001, 1_001, 1_000, 1_000]);
    expect(asked).toEqual([long, long, longest]);
  });

  it('evicts the oldest of more than a thousand answers, and still answers', () => {
    const { asked, length } = counted();
    for (let n = 0; n < 1_000; n += 1) length(`text ${n}`);
    expect(length('text 0')).toBe(6);
    expect(asked).toHaveLength(1_000);
    length('one more');
    expect(length('text 0')).toBe(6);
    expect(asked.slice(1_000)).toEqual(['one more', 'text 0']);
  });
});
