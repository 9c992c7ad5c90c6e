// Normalizes group names as directories compare them: distinguished names by
// distinguishedNameMatch, others by caseIgnoreMatch (RFC 4517 section 4.2), prepared as in RFC 4518
// section 2.
import { foldCase } from '../../domain/text.ts';

/** Alternative names of attribute types (RFC 4519). */
const ALIASES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'cn',
  commonname: 'cn',
  '2.5.4.11': 'ou',
  organizationalunitname: 'ou',
  '2.5.4.10': 'o',
  organizationname: 'o',
  '2.5.4.6': 'c',
  countryname: 'c',
  '2.5.4.7': 'l',
  localityname: 'l',
  '2.5.4.8': 'st',
  stateorprovincename: 'st',
  '0.9.2342.19200300.100.1.25': 'dc',
  domaincomponent: 'dc',
  '0.9.2342.19200300.100.1.1': 'uid',
  userid: 'uid',
};
const ATTRIBUTE = /^(?:oid\.)?([a-z][a-z0-9-]*|\d+(?:\.\d+)+)$/i;

/** The same text for all spellings of a group's name. */
export function normalizeGroupName(name: string): string {
  const parts = distinguishedName(name);
  return JSON.stringify(parts ?? prepared(name));
}

/** RFC 4518: removes invisible characters, collapses spaces, folds case and compatibility forms. */
function prepared(text: string): string {
  const mapped = text.replace(/[\t\n\v\f\r\u0085]/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\ufffc]/gu, '');
  return foldCase(foldCase(mapped).normalize('NFKC'))
    .replace(/\p{Zs}+|\u2028|\u2029/gu, ' ')
    .replace(/ +/g, ' ')
    .trim();
}

/**
 * The relative names, each with sorted attributes; null if it is not a distinguished name (RFC 4514
 * section 3).
 */
function distinguishedName(text: string): string[][] | null {
  const names = split(text, /[,;]/).map((relative) => split(relative, /\+/).map(attributeOf).sort());
  return names.flat().includes(null) ? null : (names as string[][]);
}

function attributeOf(text: string): string | null {
  const at = text.indexOf('=');
  const [, type = ''] = ATTRIBUTE.exec(text.slice(0, Math.max(at, 0)).trim()) ?? [];
  if (type === '') return null;
  const name = ALIASES[type.toLowerCase()] ?? type.toLowerCase();
  return `${name}=${attributeValue(text.slice(at + 1))}`;
}

/**
 * Unescaped spaces around a value do not belong to it; escaped ones are ignored when comparing (RFC
 * 4518 section 2.6.1).
 */
function attributeValue(text: string): string {
  const quoted = /^\s*"((?:[^"\\]|\\.)*)"\s*$/s.exec(text)?.[1];
  return prepared(unescaped(quoted ?? text));
}

/** `\2c` is a byte of UTF-8, `\,` a character. */
function unescaped(text: string): string {
  const bytes = text.replace(/(?:\\[0-9a-f]{2})+/gi, (pairs) => Buffer.from(pairs.replaceAll('\\', ''), 'hex').toString('utf8'));
  return bytes.replace(/\\(.)/gs, '$1');
}

/** Splits at separators that are neither escaped nor quoted. */
function split(text: string, separator: RegExp): string[] {
  const parts: string[] = [];
  let part = '';
  let is_quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\') {
      part += text.slice(at, at + 2);
      at += 1;
    } else if (!is_quoted && separator.test(character)) {
      parts.push(part);
      part = '';
    } else {
      if (character === '"') is_quoted = !is_quoted;
      part += character;
    }
  }
  return [...parts, part];
}
