// A text field of a form: label, input and hint, connected for screen readers.

import type { JSX } from 'preact';

interface FieldProps extends Omit<JSX.InputHTMLAttributes<HTMLInputElement>, 'id' | 'label'> {
  /** Also the element's id. */
  name: string;
  label: string;
  hint?: string;
}

export function Field({ name, label, hint, type = 'text', ...input }: FieldProps) {
  const hint_id = `${name}-hint`;
  return (
    <>
      <label for={name}>{label}</label>
      <input id={name} name={name} type={type} {...input} {...(hint !== undefined && { 'aria-describedby': hint_id })} />
      {hint === undefined ? null : (
        <p class="hint" id={hint_id}>
          {hint}
        </p>
      )}
    </>
  );
}

/** For names and codes, which no keyboard should change. */
export const AS_TYPED = { autocapitalize: 'none', spellcheck: false } as const;
