// Memoizes a pure function of a string; the same few addresses and clients occur again and again.
// Not by lru-cache, since domain/ uses no package but zod.

/** Longer strings are computed each time, which bounds the memory. */
const MAX_LENGTH = 1_000;
/** Maximum number of cached results; then the oldest is evicted. */
const MAX_RESULTS = 1_000;

/** The memoized function. Results are shared, so callers must not change them. */
export function memoize<Answer>(ask: (text: string) => Answer): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    if (answers.has(text)) return answers.get(text) as Answer;
    const answer = ask(text);
    if (text.length > MAX_LENGTH) return answer;
    answers.set(text, answer);
    const [oldest] = answers.keys();
    if (answers.size > MAX_RESULTS && oldest !== undefined) answers.delete(oldest);
    return answer;
  };
}
