// Chooses the reader's language by `Accept-Language` (RFC 9110 section 12.5.4).

import { readdirSync, readFileSync } from 'node:fs';
import { cleanText, isolateText } from '../../domain/text.ts';
import type en from './locales/en.json';

/** A text of the catalogues; `locales/en.json` is the reference. `{word}` is a placeholder. */
export type MessageKey = keyof typeof en;
type Catalogue = Readonly<Record<MessageKey, string>>;

const CATALOGUES = readCatalogues(new URL('./locales/', import.meta.url));

/** English first, then by tag. A test checks that each file has every key and placeholder. */
function readCatalogues(folder: URL): Record<string, Catalogue> {
  const tags = readdirSync(folder).map((name) => name.replace(/\.json$/, ''));
  const sorted = ['en', ...tags.filter((tag) => tag !== 'en').sort()];
  return Object.fromEntries(sorted.map((tag) => [tag, JSON.parse(readFileSync(new URL(`${tag}.json`, folder), 'utf8'))]));
}

/** BCP 47 tags of the available languages. */
export const LANGUAGE_TAGS: readonly string[] = Object.keys(CATALOGUES);

/** A text in the reader's language with its `{placeholders}` filled in. */
type Translate = (key: MessageKey, words?: Readonly<Record<string, string>>) => string;

export interface Language {
  /** The BCP 47 tag for `<html lang>`. */
  tag: string;
  t: Translate;
  /** The text of a computed key, such as a field name; `fallback` if there is none. */
  maybe(key: string, fallback: string, words?: Readonly<Record<string, string>>): string;
}

/** Values may be untrusted. */
const MAX_WORD_LENGTH = 1000;

function fill(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, word: string) => {
    const value = words[word];
    return value === undefined ? whole : isolateText(cleanText(value, MAX_WORD_LENGTH));
  });
}

function speak(tag: string, catalogue: Catalogue): Language {
  const texts: Readonly<Record<string, string>> = catalogue;
  return {
    tag,
    t: (key, words = {}) => fill(catalogue[key], words),
    maybe: (key, fallback, words = {}) => (Object.hasOwn(texts, key) ? fill(texts[key] ?? fallback, words) : fallback),
  };
}

const LANGUAGES = Object.fromEntries(Object.entries(CATALOGUES).map(([tag, catalogue]) => [tag, speak(tag, catalogue)]));
const ENGLISH = speak('en', CATALOGUES.en as Catalogue);

/** A date in the reader's format. */
export function formatDate({ tag }: Pick<Language, 'tag'>, date: Date): string {
  return date.toLocaleDateString(tag, { dateStyle: 'long', timeZone: 'UTC' });
}

/** For example "5 minutes ago". */
export function formatMinutesAgo({ tag }: Pick<Language, 'tag'>, minutes: number): string {
  return new Intl.RelativeTimeFormat(tag, { numeric: 'auto' }).format(-minutes, 'minute');
}

/** The reader's preferred available language, or English. Considers the first 20 entries. */
export function chooseLanguage(accept_language: string | undefined): Language {
  const wishes = (accept_language ?? '')
    .slice(0, 512)
    .split(',', 20)
    .map((wish) => {
      const [tag = '', ...parameters] = wish.split(';');
      const quality = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]).find((value) => value !== undefined);
      return { primary: tag.trim().toLowerCase().split('-', 1)[0] ?? '', quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { primary } of wishes) {
    const language = Object.hasOwn(LANGUAGES, primary) ? LANGUAGES[primary] : undefined;
    if (language !== undefined) return language;
  }
  return ENGLISH;
}
