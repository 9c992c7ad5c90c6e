// What a directory says about an entry, as text. Asked by the ldap provider; how the answer came is its business.

/** An entry of the answer to a search: its name and the attributes that were asked for. */
export interface LdapEntry {
  dn: string;
  [attribute: string]: string | string[] | Buffer | Buffer[];
}

/** In place of an attribute: the entry's own name. */
const DN = 'dn';
/** Attributes of Active Directory whose values are bytes. */
const BINARY = ['objectGUID', 'objectSid'];
const MAX_VALUE_LENGTH = 1024;

/** What to ask for, so that `valuesOf` has an answer for each. */
export function attributesOf(names: readonly (string | undefined)[]): string[] {
  const asked = names.filter((name) => name !== undefined && !isSame(name, DN)) as string[];
  // RFC 4511 section 4.5.1.8: an empty list asks for everything, this for nothing.
  return asked.length > 0 ? asked : ['1.1'];
}

/** Those whose values must come as bytes, in the spelling that was asked for and in the directory's own. */
export function binaryAttributes(asked: readonly string[]): string[] {
  return [...BINARY, ...asked.filter((name) => BINARY.some((binary) => isSame(name, binary)))];
}

/** The values of an attribute; bytes read as hexadecimal. What is empty, has a NUL in it or is longer than 1024 characters is left out. */
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
