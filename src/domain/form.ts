// A form as a login step shows it, in the encoding of voluptuous_serialize that Home Assistant's front-end reads.

/**
 * What is typed into a text field, for keyboards and password managers. It is not part of the encoding: `wireFields`
 * leaves it out.
 */
type FieldKind = 'digits';

/** One field of a form; the order of fields is the order on the page. */
export type FormField =
  | { type: 'string'; name: string; required?: boolean; optional?: boolean; kind?: FieldKind }
  | { type: 'select'; name: string; options: [value: string, label: string][]; required?: boolean; optional?: boolean };

/** What a person sent for a step, before anything is known about it. */
export type FormInput = Readonly<Record<string, unknown>>;

/** The values of a form's fields, all known to fit. */
export type FormValues = Readonly<Record<string, string>>;

/** The fields as Home Assistant's front-end reads them. */
export function homeAssistantFields(fields: readonly FormField[]): FormField[] {
  return fields.map((field) => {
    if (field.type !== 'string') return field;
    const { kind: _, ...rest } = field;
    return rest;
  });
}

/** The longest value a field may carry; a longer one does not fit the form. */
const MAX_FIELD_LENGTH = 4096;

/**
 * Fits input to a form: every required field there, each a string (for a select: one of its options), and nothing else.
 * Answers null when it does not fit (HA contract 3.6, step 5).
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
