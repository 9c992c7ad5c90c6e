// Forms of login steps, in the encoding of voluptuous_serialize that Home Assistant's front-end
// reads.

/**
 * The kind of text, for on-screen keyboards and password managers. Not part of Home Assistant's
 * encoding.
 */
type FieldKind = 'digits';

/** A form field; fields are shown in order. */
export type FormField =
  | { type: 'string'; name: string; required?: boolean; optional?: boolean; kind?: FieldKind }
  | { type: 'select'; name: string; options: [value: string, label: string][]; required?: boolean; optional?: boolean };

/** Unvalidated input to a form. */
export type FormInput = Readonly<Record<string, unknown>>;

/** Validated values of a form. */
export type FormValues = Readonly<Record<string, string>>;

/** The fields in Home Assistant's encoding. */
export function homeAssistantFields(fields: readonly FormField[]): FormField[] {
  return fields.map((field) => {
    if (field.type !== 'string') return field;
    const { kind: _, ...rest } = field;
    return rest;
  });
}

/** The maximum length of a value. */
const MAX_FIELD_LENGTH = 4096;

/**
 * Validates input: all required fields are present, each a string (for a select, one of its
 * options), and there is nothing else. Null if it does not fit (HA contract 3.6, step 5).
 */
export function parseFormInput(fields: readonly FormField[], input: FormInput): FormValues | null {
  const values: Record<string, string> = {};
  for (const name of Object.keys(input)) if (!fields.some((field) => field.name === name)) return null;
  for (const field of fields) {
    const value = Object.hasOwn(input, field.name) ? input[field.name] : undefined;
    if (value === undefined) {
      if (field.required === true) return null;
      continue;
    }
    if (typeof value !== 'string' || value.length > MAX_FIELD_LENGTH || value.includes('\0') || !value.isWellFormed()) return null;
    if (field.type === 'select' && !field.options.some(([option]) => option === value)) return null;
    values[field.name] = value;
  }
  return values;
}
