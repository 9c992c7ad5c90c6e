// Text of a stranger inside LDAP's two notations, filters (RFC 4515) and distinguished names (RFC 4514), and names as a directory compares them.
import { foldCase } from '../../domain/text.ts';

/** A value for a filter: it matches itself alone (RFC 4515 section 3). */
export function escapeFilterValue(value: string): string {
  return value.replace(/[\\*()\0]/g, hexPair);
}

/** A value for a distinguished name: it cannot become another name or a further part of one (RFC 4514 section 2.4). */
export function escapeDnValue(value: string): string {
  return value.replace(/[\\"+,;<=>\0]|^[ #]| $/g, hexPair);
}

/** Puts each value, escaped, in the place that `{its name}` holds in the template. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>, escaped: (value: string) => string): string {
  // In one pass: a value that reads like a place is a value.
  return template.replace(/\{(\w+)\}/g, (place, name: string) => (Object.hasOwn(values, name) ? escaped(values[name] ?? '') : place));
}

/**
 * One text for all the spellings that a directory may take for the same name: it ignores case, invisible characters, repeated blanks
 * (RFC 4518 section 2) and, in Active Directory, accents. Guesses at a name are counted under it, whatever the spelling.
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
