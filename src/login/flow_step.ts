// Builds the steps that clients see (HA contract section 5); keys without a value are null, not
// absent.
import type { ProviderStep } from '../domain/auth_provider.ts';
import type { FormField } from '../domain/form.ts';
import type { FlowStep, LoginFlow } from '../domain/login_flow.ts';

type Named = Pick<LoginFlow, 'id' | 'auth_provider_type' | 'auth_provider_id'>;
type Shown<Type extends ProviderStep['type']> = Extract<ProviderStep, { type: Type }>;

/** The properties common to all steps. */
function opening({ id, auth_provider_type, auth_provider_id }: Named): { flow_id: string; handler: [string, string | null] } {
  return { flow_id: id, handler: [auth_provider_type, auth_provider_id] };
}

/** A form of a provider or a second factor. */
export interface StepForm {
  step_id: string;
  data_schema: FormField[];
  errors: { base?: string } | null;
  description_placeholders?: Record<string, string>;
}

export function formStep(flow: Named, { step_id, data_schema, errors, description_placeholders }: StepForm): FlowStep {
  const said = { errors: errors && { ...errors }, description_placeholders: description_placeholders ?? null };
  return { type: 'form', ...opening(flow), step_id, data_schema, ...said, last_step: null, preview: null };
}

export function externalStep(flow: Named, { step_id, url }: Shown<'external'>): FlowStep {
  return { type: 'external', ...opening(flow), step_id, url, description_placeholders: null };
}

export function abortStep(flow: Named, reason: string): FlowStep {
  return { type: 'abort', ...opening(flow), reason, description_placeholders: null };
}

/** The end of a flow; `result` is the authorization code. */
export function entryStep(flow: Named, result: string): FlowStep {
  return { type: 'create_entry', ...opening(flow), description: null, description_placeholders: null, result };
}

/** The end of a page's flow that results in a session without a code. */
export function sessionStep(flow: Named): FlowStep {
  return { type: 'signed_in', ...opening(flow) };
}
