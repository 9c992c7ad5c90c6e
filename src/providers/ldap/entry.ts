// Reads entries of search results as text.

/** An entry of a search result with the requested attributes. */
export interface LdapEntry {
  dn: string;
  [attribute: string]: string | string[] | Buffer | Buffer[];
}

/** Stands for the entry's own name in place of an attribute. */
const DN = 'dn';
/** Binary attributes of Active Directory. */
const BINARY = ['objectGUID', 'objectSid'];
const MAX_VALUE_LENGTH = 1024;

/** The attributes to request for `attributeValues`. */
export function attributesOf(names: readonly (string | undefined)[]): string[] {
  const asked = names.filter((name) => name !== undefined && !isSame(name, DN)) as string[];
  // RFC 4511 section 4.5.1.8: an empty list requests everything, this nothing.
  return asked.length > 0 ? asked : ['1.1'];
}

/** Attributes to be returned as bytes, as requested and as the directory spells them. */
export function binaryAttributes(asked: readonly string[]): string[] {
  return [...BINARY, ...asked.filter((name) => BINARY.some((binary) => isSame(name, binary)))];
}

/**
 * An attribute's values; bytes as hexadecimal. Empty values and those with NUL or over 1024
 * characters are dropped.
 */
export function attributeValues(entry: LdapEntry, attribute: string): string[] {
  const key = Object.keys(entry).find((name) => isSame(name, attribute));
  const values = key === undefined ? [] : [entry[key] ?? []].flat();
  return values
    .map((value) => (typeof value === 'string' ? value : value.toString('hex')))
    .filter((value) => value !== '' && value.length <= MAX_VALUE_LENGTH && !value.includes('\0'));
}

function isSame(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}
