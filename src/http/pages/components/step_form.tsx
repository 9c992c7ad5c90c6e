// The form of a login step of any provider or second factor, with fields that password managers
// understand.

import type { FormField } from '../../../domain/form.ts';
import { cleanText } from '../../../domain/text.ts';
import { CSRF_FIELD } from '../../server/csrf.ts';
import type { Language } from '../language.ts';
import { SecretView } from './secret_view.tsx';

/** Names of the page's own controls; no step has fields of these names. */
export const CONTROL = { csrf: CSRF_FIELD, flow_id: '_flow_id', keep: '_keep' } as const;

const AUTOCOMPLETE: Readonly<Record<string, string>> = { username: 'username', password: 'current-password', code: 'one-time-code' };

interface FieldProps {
  field: FormField;
  language: Language;
  /** The submitted value; never a password. */
  value: string | undefined;
  first: boolean;
  complaint: string | undefined;
}

/** The field that passkey.js fills with the browser's response. */
const PASSKEY = 'credential';

export function isPasskeyForm(fields: readonly FormField[]): boolean {
  return fields.some(({ name }) => name === PASSKEY);
}

function StepField({ field, language, value, first, complaint }: FieldProps) {
  if (field.name === PASSKEY) return <input type="hidden" name={PASSKEY} />;
  const id = `field-${field.name}`;
  const described = complaint === undefined ? {} : { 'aria-invalid': true, 'aria-describedby': 'complaint' };
  const label = <label for={id}>{language.maybe(`field.${field.name}`, field.name)}</label>;
  if (field.type === 'select') {
    return (
      <>
        {label}
        <select id={id} name={field.name} required autofocus={first} {...described}>
          {field.options.map(([option, text]) => (
            <option value={option} selected={option === value}>
              {cleanText(text)}
            </option>
          ))}
        </select>
      </>
    );
  }
  const secret = field.name.includes('password') || field.name === 'pin';
  return (
    <>
      {label}
      <input
        id={id}
        name={field.name}
        type={secret ? 'password' : 'text'}
        autocomplete={AUTOCOMPLETE[field.name] ?? 'off'}
        autocapitalize="none"
        spellcheck={false}
        inputmode={field.kind === 'digits' ? 'numeric' : undefined}
        required={field.required === true}
        value={secret ? undefined : value}
        autofocus={first}
        {...described}
      />
    </>
  );
}

/** The text of a step's `errors.base`; some steps have their own. `name`: the provider's. */
export function complaintText(
  language: Language,
  { error, step_id = '', name = '' }: { error: string | undefined; step_id?: string; name?: string },
): string | undefined {
  if (error === undefined) return undefined;
  const usual = language.maybe(`error.${error}`, language.t('error.title'), { name });
  return language.maybe(`error.${step_id}.${error}`, usual, { name });
}

interface StepFormProps {
  language: Language;
  action: string;
  csrf: string;
  flow_id: string | null;
  fields: readonly FormField[];
  values: Readonly<Record<string, string>>;
  placeholders?: Readonly<Record<string, string>>;
  complaint: string | undefined;
  submit: string;
  keep: { shown: boolean; checked: boolean };
  /** The element id for scripts. */
  id?: string | undefined;
}

/** Data for passkey.js, and the message where it cannot work. */
function PasskeyHelp({ language }: { language: Language }) {
  return (
    <>
      <noscript>
        <p class="alert">{language.t('passkey.needs_script')}</p>
      </noscript>
      <p class="alert" role="alert" data-passkey-failed hidden>
        {language.t('passkey.failed')}
      </p>
    </>
  );
}

export function StepForm(props: StepFormProps) {
  const { language, action, csrf, flow_id, fields, values, placeholders = {}, complaint, submit, keep, id } = props;
  const passkey = { 'data-passkey-request': placeholders.passkey_request, 'data-passkey-creation': placeholders.passkey_creation };
  return (
    <form method="post" action={action} id={id} {...passkey}>
      {complaint === undefined ? null : (
        <p class="alert" id="complaint" role="alert">
          {complaint}
        </p>
      )}
      <input type="hidden" name={CONTROL.csrf} value={csrf} />
      {flow_id === null ? null : <input type="hidden" name={CONTROL.flow_id} value={flow_id} />}
      <SecretView language={language} placeholders={placeholders} />
      {isPasskeyForm(fields) ? <PasskeyHelp language={language} /> : null}
      {fields.map((field, index) => (
        <StepField field={field} language={language} value={values[field.name]} first={index === 0} complaint={complaint} />
      ))}
      {keep.shown ? (
        <>
          <label class="check">
            <input type="checkbox" name={CONTROL.keep} value="true" checked={keep.checked} aria-describedby="keep-hint" />
            {language.t('login.keep')}
          </label>
          <p class="hint" id="keep-hint">
            {language.t('login.keep_hint')}
          </p>
        </>
      ) : null}
      <button type="submit">{submit}</button>
    </form>
  );
}
