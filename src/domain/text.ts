// Text processing: Python's strip and casefold, which Home Assistant's rules are based on, and
// cleaning of untrusted text for pages and logs.

// What Python's str.strip() removes: unlike String.trim, U+001C–1F and U+0085 but not U+FEFF.
const PYTHON_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
// The look-behind avoids quadratic time on long runs of spaces.
const PYTHON_EDGES = new RegExp(`^${PYTHON_SPACE}+|(?<!${PYTHON_SPACE})${PYTHON_SPACE}+$`, 'g');

/** Python's `str.strip()`. */
export function pythonStrip(text: string): string {
  return text.replace(PYTHON_EDGES, '');
}

/**
 * A typed text as received and in Unicode form NFC: systems differ in whether they send `ü` as one
 * character or two.
 */
export function passwordVariants(text: string): string[] {
  const composed = text.normalize('NFC');
  return composed === text ? [text] : [text, composed];
}

const CHEROKEE = /\p{Script=Cherokee}/u;

/**
 * Python's `str.casefold()`: Unicode full case folding per code point, without context (final
 * sigma).
 */
export function foldCase(text: string): string {
  return Array.from(text, foldCharacter).join('');
}

// Lower case of upper case is the full fold except for these; Cherokee folds to upper case.
function foldCharacter(character: string): string {
  if (character === 'ı') return character;
  if (character === 'ẞ') return 'ss';
  const upper = character.toUpperCase();
  return CHEROKEE.test(character) ? upper : upper.toLowerCase();
}

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
// Bidi controls and invisible characters; joiners and variation selectors are part of words and
// emoji.
const INVISIBLE = /(?!\u200c|\u200d|[\ufe00-\ufe0f])[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

// Without that exception: in a name, a joiner or variation selector would allow look-alikes.
const UNSEEN = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu');

/** Whether a text contains characters that are invisible or change the text direction. */
export function hasInvisible(text: string): boolean {
  return UNSEEN.test(text);
}

/** Removes the characters that `hasInvisible` finds. */
export function withoutInvisible(text: string): string {
  return text.replace(ALL_UNSEEN, '');
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Isolates a text from the direction of its surroundings (Unicode UAX #9, first strong isolate).
 */
export function isolateText(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/**
 * Untrusted text for a page or a log: one line, no direction or invisible marks, at most `length`
 * characters. Not escaped.
 */
export function cleanText(text: string, length = 200): string {
  if (text.length <= length && PLAIN.test(text)) return text;
  const start = Array.from(
    text
      .slice(0, 4 * length)
      .replace(INVISIBLE, '')
      .replace(/\p{Cs}/gu, '\ufffd')
      .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
      .trim(),
  );
  return start.length <= length && text.length <= 4 * length ? start.join('') : `${start.slice(0, length - 1).join('')}…`;
}
