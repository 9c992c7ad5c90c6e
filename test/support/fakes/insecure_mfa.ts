// Home Assistant's example of a second factor: a PIN that its user keeps as it is. For tests only;
// it is never shipped.
import { z } from 'zod';
import type { FormField } from '../../../src/domain/form.ts';
import { type CommonMfaModuleConfig, type MfaModule, type MfaModuleType, WRONG_CODE } from '../../../src/domain/mfa_module.ts';
import { safeEqual } from '../../../src/domain/secret.ts';
import { createMailer } from '../../../src/outbound/mailer.ts';

const PIN: FormField[] = [{ type: 'string', name: 'pin', required: true }];

const mfa_module: MfaModuleType<CommonMfaModuleConfig> = {
  type: 'insecure_example',
  default_name: 'Insecure Personal Identify Number',
  config: z.object({}),
  create: ({ id, type, name = mfa_module.default_name }) => ({
    id,
    type,
    name,
    max_retries: 3,
    several: false,
    is_backup: false,
    challenges_once: false,
    delivers: false,
    data_schema: PIN,
    challenge: async () => ({ type: 'form', state: {} }),
    async verify({ enrolments, values }) {
      const found = enrolments.find(({ secret }) => safeEqual(String(secret.pin), values.pin ?? ''));
      return found ? { ok: true, enrolment_id: found.id, secret: found.secret, amr: ['pin'] } : WRONG_CODE;
    },
    async setup({ shown }) {
      if (shown) return { type: 'enrolled', enrolment: { secret: { pin: shown.values.pin ?? '' } } };
      return { type: 'form', step_id: 'init', data_schema: PIN, errors: {}, description_placeholders: {}, state: {} };
    },
  }),
};

export function insecureMfa(id = 'insecure_example'): MfaModule {
  return made(mfa_module, id);
}

/** A module as the registry would make it. */
export function made(
  type: MfaModuleType,
  id = type.type,
  settings: object = {},
  { public_url = 'https://auth.example.com', mail = createMailer({}) } = {},
): MfaModule {
  const config = { ...type.config.parse(settings), type: type.type, id };
  const module = type.create(config, { public_url, mail });
  if (!module) throw new Error(`${type.type} cannot work at ${public_url}`);
  return module;
}
