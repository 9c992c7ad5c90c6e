// A pure function of a text that has its latest answers at hand: the same few addresses and clients come again and again.

/** Longer texts are worked out each time: what is kept stays small. */
const MAX_LENGTH = 1_000;
/** Answers at hand; then all are forgotten, and the busy ones are soon back. */
const MOST = 1_000;

/** The same function. Its answers are handed out more than once, so nobody may change one. */
export function memoize<Answer>(ask: (text: string) => Answer): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    if (answers.has(text)) return answers.get(text) as Answer;
    const answer = ask(text);
    if (text.length > MAX_LENGTH) return answer;
    if (answers.size >= MOST) answers.clear();
    answers.set(text, answer);
    return answer;
  };
}
