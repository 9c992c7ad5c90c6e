// Text from outside made comparable and fit to show: Python's strip and case fold, which Home Assistant's rules are written in, and what pages and logs print.

// What Python's str.strip() removes: other than String.trim it takes U+001C–1F and U+0085, and leaves U+FEFF.
const PYTHON_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
// The look-behind keeps a long run of blanks inside the text from being tried from each of its characters.
const PYTHON_EDGES = new RegExp(`^${PYTHON_SPACE}+|(?<!${PYTHON_SPACE})${PYTHON_SPACE}+$`, 'g');

/** Python's `str.strip()`. */
export function pythonStrip(text: string): string {
  return text.replace(PYTHON_EDGES, '');
}

/**
 * The readings of a typed text: as it came, else in Unicode form NFC. Machines differ in whether they send `ü` as one character or as two.
 */
export function passwordVariants(text: string): string[] {
  const composed = text.normalize('NFC');
  return composed === text ? [text] : [text, composed];
}

const CHEROKEE = /\p{Script=Cherokee}/u;

/** Python's `str.casefold()`: Unicode full case folding, one code point at a time, so that no neighbour (final sigma) matters. */
export function foldCase(text: string): string {
  return Array.from(text, foldCharacter).join('');
}

// Lower case of upper case is the full fold of every code point but these; Cherokee alone folds to upper case.
function foldCharacter(character: string): string {
  if (character === 'ı') return character;
  if (character === 'ẞ') return 'ss';
  const upper = character.toUpperCase();
  return CHEROKEE.test(character) ? upper : upper.toLowerCase();
}

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
// Bidi controls, and whatever is drawn as nothing; joiners and variation selectors are part of words and emoji.
const INVISIBLE = /(?!\u200c|\u200d|[\ufe00-\ufe0f])[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

// The same without the exception: in a name that tells people apart, a joiner or a variation selector makes a twin.
const UNSEEN = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu');

/** Whether a character is drawn as nothing or turns the direction of its neighbours, so that another text looks the same. */
export function hasInvisible(text: string): boolean {
  return UNSEEN.test(text);
}

/** The text without the characters of `hasInvisible`. */
export function withoutInvisible(text: string): string {
  return text.replace(ALL_UNSEEN, '');
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** The same text so that it does not turn the direction of what stands around it (Unicode UAX #9, first strong isolate). */
export function isolateText(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/**
 * Text of a stranger for a page or a log: on one line, without marks that turn its direction or hide, at most `length` characters.
 * It is not escaped; that is the printer's part.
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
