// Escapes untrusted text in filters (RFC 4515) and distinguished names (RFC 4514), and normalizes
// usernames.
import { foldCase } from '../../domain/text.ts';

/** Escapes a value for a filter (RFC 4515 section 3). */
export function escapeFilterValue(value: string): string {
  return value.replace(/[\\*()\0]/g, hexPair);
}

/** Escapes a value for a distinguished name (RFC 4514 section 2.4). */
export function escapeDnValue(value: string): string {
  return value.replace(/[\\"+,;<=>\0]|^[ #]| $/g, hexPair);
}

/** Fills each `{name}` in the template with the escaped value. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>, escaped: (value: string) => string): string {
  // In one pass, so that values are never treated as templates.
  return template.replace(/\{(\w+)\}/g, (place, name: string) => (Object.hasOwn(values, name) ? escaped(values[name] ?? '') : place));
}

/**
 * The same text for all spellings that a directory may treat as one name: case, invisible
 * characters, repeated spaces (RFC 4518 section 2) and, in Active Directory, accents. Guesses are
 * counted under it.
 */
export function comparableName(username: string): string {
  return foldCase(
    username
      .normalize('NFKD')
      .replace(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '')
      .replace(/\s+/g, ' ')
      .trim(),
  );
}

function hexPair(character: string): string {
  return `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
