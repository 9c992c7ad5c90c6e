// TOTP codes of an authenticator app (RFC 6238; HA contract 7.1). A login accepts the previous,
// current and next step of 30 seconds, each step once and in order. Enrolment accepts the current
// step only.

import { Secret, TOTP } from 'otpauth';
import { renderSVG } from 'uqr';
import { z } from 'zod';
import type { FormField } from '../domain/form.ts';
import {
  type CommonMfaModuleConfig,
  type MfaModuleType,
  type MfaUser,
  normalizeCode,
  type SetupForm,
  WRONG_CODE,
} from '../domain/mfa_module.ts';
import { safeEqual } from '../domain/secret.ts';

const CODE: FormField[] = [{ type: 'string', name: 'code', required: true, kind: 'digits' }];
/** 160 bits: 32 characters of base32. */
const SECRET_BYTES = 20;
const PERIOD = 30;
/** Steps before and after the current one that a login accepts. */
const DRIFT = 1;

export const mfa_module: MfaModuleType<CommonMfaModuleConfig> = {
  type: 'totp',
  default_name: 'Authenticator app',
  config: z.object({}),
  create({ id, type, name = mfa_module.default_name }, { public_url }) {
    const issuer = new URL(public_url).hostname;
    return {
      id,
      type,
      name,
      max_retries: 5,
      several: false,
      is_backup: false,
      challenges_once: false,
      delivers: false,
      data_schema: CODE,
      challenge: async () => ({ type: 'form', state: {} }),

      async verify({ enrolments, values, now }) {
        for (const { id: enrolment_id, secret } of enrolments) {
          const last_step = Number(secret.last_step);
          const step = stepOf(normalizeCode(values.code), String(secret.secret), now, DRIFT);
          if (step !== null && step > last_step) return { ok: true, enrolment_id, secret: { ...secret, last_step: step }, amr: ['otp'] };
          if (step !== null) return { ok: false, detail: 'a code that was used before' };
        }
        return WRONG_CODE;
      },

      async setup({ user, shown, now }) {
        if (!shown) return newForm(issuer, user);
        const secret = String(shown.form.state.secret);
        const step = stepOf(normalizeCode(shown.values.code), secret, now, 0);
        // The code used for enrolment is not accepted again.
        if (step !== null) return { type: 'enrolled', enrolment: { secret: { secret, last_step: step } } };
        return { ...shown.form, errors: { base: 'invalid_code' } };
      },
    };
  },
};

/**
 * The step of a code, at most `drift` from the current one; null if none matches. All steps are
 * compared, in constant time.
 */
function stepOf(code: string, secret: string, now: Date, drift: number): number | null {
  const current = Math.floor(now.getTime() / 1000 / PERIOD);
  let found: number | null = null;
  for (let step = current - drift; step <= current + drift; step++) {
    const right = safeEqual(TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: step * PERIOD * 1000 }), code);
    if (right) found = step;
  }
  return found;
}

function newForm(issuer: string, user: MfaUser): SetupForm {
  const secret = new Secret({ size: SECRET_BYTES });
  const url = new TOTP({ issuer, label: user.name ?? user.id, secret }).toString();
  const description_placeholders = { code: secret.base32, url, qr_code: renderSVG(url, { border: 2 }) };
  return { type: 'form', step_id: 'init', data_schema: CODE, errors: {}, description_placeholders, state: { secret: secret.base32 } };
}
